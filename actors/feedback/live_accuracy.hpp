#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace troupe::actors {

/// How often the deployed model was right: over the last `window` labels, and over all. Not thread-safe.
class LiveAccuracy {
 public:
  /// @throws Error bad_input for a window of 0.
  explicit LiveAccuracy(std::size_t window);

  void add(bool right);
  /// Labels that count in all, but not in the window: those from before, or on another version's predictions.
  void add_outside(std::int64_t labels, std::int64_t right);
  /// Empties the window; what counts in all stays.
  void start_anew();

  /// From 0 to 1; none before the first label.
  std::optional<double> rolling() const { return share(right_, size_); }
  std::optional<double> overall() const { return share(all_right_, all_); }
  /// Labels in the window now.
  std::int64_t labels() const { return size_; }
  std::int64_t all_labels() const { return all_; }

 private:
  static std::optional<double> share(std::int64_t right, std::int64_t of) {
    if (of == 0) return {};
    return static_cast<double>(right) / static_cast<double>(of);
  }

  std::vector<bool> ring_;
  std::size_t next_ = 0;
  std::int64_t size_ = 0;
  std::int64_t right_ = 0;
  std::int64_t all_ = 0;
  std::int64_t all_right_ = 0;
};

}  // namespace troupe::actors
