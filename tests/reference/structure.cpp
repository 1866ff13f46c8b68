#include "tests/reference/structure.hpp"

#include "tests/reference/activations.hpp"

namespace troupe::test::reference {

Values add(const gpu::Add& shape, std::span<const Values> inputs) {
  Values y(static_cast<std::size_t>(shape.elements));
  for (std::size_t i = 0; i < y.size(); ++i) {
    double sum = 0;
    for (const Values& input : inputs) sum += input[i];
    y[i] = activate(shape.activation, sum);
  }
  return y;
}

std::vector<std::byte> strided_copy(const gpu::StridedCopy& shape, std::span<const std::byte> from,
                                    std::vector<std::byte> to) {
  for (std::int64_t r = 0; r < shape.rows; ++r) {
    for (std::int64_t b = 0; b < shape.width_bytes; ++b) {
      to[static_cast<std::size_t>(shape.to_offset_bytes + r * shape.to_stride_bytes + b)] =
          from[static_cast<std::size_t>(shape.from_offset_bytes + r * shape.from_stride_bytes + b)];
    }
  }
  return to;
}

Values cast_scale(const gpu::CastScale& shape, const Values& x) {
  Values y;
  for (const double value : x) {
    y.push_back(value * static_cast<double>(shape.scale) + static_cast<double>(shape.offset));
  }
  return y;
}

}  // namespace troupe::test::reference
