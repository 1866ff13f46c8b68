#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace troupe::actors {

/// How many rows and bytes may be in the front's hands at a time. Thread-safe.
class Admission : public std::enable_shared_from_this<Admission> {
 public:
  Admission(std::int64_t max_rows, std::int64_t max_bytes)
      : max_rows_{max_rows}, max_bytes_{max_bytes} {}

  /// Rows that were let in; they leave with this.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept
        : of_{std::move(other.of_)}, rows_{other.rows_}, bytes_{other.bytes_} {
      other.of_.reset();
    }
    Ticket& operator=(Ticket&& other) noexcept {
      std::swap(of_, other.of_);
      std::swap(rows_, other.rows_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Ticket() {
      if (of_) of_->leave(rows_, bytes_);
    }
    explicit operator bool() const { return of_ != nullptr; }

   private:
    friend class Admission;
    Ticket(std::shared_ptr<Admission> of, std::int64_t rows, std::int64_t bytes)
        : of_{std::move(of)}, rows_{rows}, bytes_{bytes} {}
    std::shared_ptr<Admission> of_;
    std::int64_t rows_ = 0, bytes_ = 0;
  };

  /// An empty ticket, and nothing is taken, if there is no room.
  Ticket enter(std::int64_t rows, std::int64_t bytes) {
    const bool fits = rows_.fetch_add(rows) + rows <= max_rows_;
    const bool both = bytes_.fetch_add(bytes) + bytes <= max_bytes_ && fits;
    if (both) return Ticket{shared_from_this(), rows, bytes};
    leave(rows, bytes);
    return {};
  }

  std::int64_t rows() const { return rows_.load(std::memory_order_relaxed); }
  std::int64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  std::int64_t max_rows() const { return max_rows_; }

 private:
  void leave(std::int64_t rows, std::int64_t bytes) {
    rows_.fetch_sub(rows);
    bytes_.fetch_sub(bytes);
  }

  const std::int64_t max_rows_, max_bytes_;
  std::atomic<std::int64_t> rows_{0}, bytes_{0};
};

}  // namespace troupe::actors
