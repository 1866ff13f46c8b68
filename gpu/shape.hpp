#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace troupe::gpu {

/// The extents of a tensor, outermost first; rank 0 is a scalar. A value type, without heap memory.
class Shape {
 public:
  static constexpr int max_rank = 6;

  Shape() = default;
  /// @throws Error bad_input for more than `max_rank` dimensions, a negative one, or a product past 2^62.
  Shape(std::initializer_list<std::int64_t> dims) : Shape(std::span{dims.begin(), dims.size()}) {}
  explicit Shape(std::span<const std::int64_t> dims);

  int rank() const { return rank_; }
  std::int64_t operator[](int axis) const { return dims_[static_cast<std::size_t>(axis)]; }
  std::span<const std::int64_t> dims() const {
    return {dims_.data(), static_cast<std::size_t>(rank_)};
  }
  std::int64_t elements() const;

  /// The same shape behind one more, outermost dimension, and without the outermost one.
  Shape with_rows(std::int64_t rows) const;
  Shape without_rows() const;

  bool operator==(const Shape&) const = default;

 private:
  std::array<std::int64_t, max_rank> dims_{};
  int rank_ = 0;
};

/// As in "[32, 28, 28, 1]".
std::string to_string(const Shape& shape);

}  // namespace troupe::gpu
