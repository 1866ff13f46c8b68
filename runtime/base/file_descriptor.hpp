#pragma once

#include <cerrno>
#include <utility>

namespace troupe {

/// A descriptor of the system's, closed with its owner. Not thread-safe.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  /// Takes over `value`; a negative one stands for none.
  explicit FileDescriptor(int value) noexcept : value_{value} {}
  FileDescriptor(FileDescriptor&& other) noexcept : value_{other.release()} {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    FileDescriptor old{std::exchange(value_, other.release())};
    return *this;
  }
  ~FileDescriptor();

  /// Negative if there is none.
  int get() const noexcept { return value_; }
  explicit operator bool() const noexcept { return value_ >= 0; }
  /// Hands it over: the caller closes it.
  [[nodiscard]] int release() noexcept { return std::exchange(value_, -1); }

 private:
  int value_ = -1;
};

/// Repeats a system call for as long as signals interrupt it.
template <class Call>
auto uninterrupted(Call call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

}  // namespace troupe
