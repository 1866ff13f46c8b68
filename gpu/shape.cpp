#include "gpu/shape.hpp"

#include <algorithm>
#include <vector>

#include "runtime/base/error.hpp"

namespace troupe::gpu {

Shape::Shape(std::span<const std::int64_t> dims) {
  if (dims.size() > max_rank) {
    throw Error{ErrorCode::bad_input, "shape: expected at most " + std::to_string(max_rank) +
                                          " dimensions, got " + std::to_string(dims.size())};
  }
  std::int64_t product = 1;
  for (const std::int64_t dim : dims) {
    if (dim < 0) {
      throw Error{ErrorCode::bad_input,
                  "shape: expected dimensions of 0 or more, got " + std::to_string(dim)};
    }
    if (dim > 0 && product > (std::int64_t{1} << 62) / dim) {
      throw Error{ErrorCode::bad_input, "shape: expected at most 2^62 elements, got more"};
    }
    product *=
        std::max<std::int64_t>(dim, 1);  // an empty dimension hides no overflow of the others
  }
  std::ranges::copy(dims, dims_.begin());
  rank_ = static_cast<int>(dims.size());
}

std::int64_t Shape::elements() const {
  std::int64_t product = 1;
  for (const std::int64_t dim : dims()) product *= dim;
  return product;
}

Shape Shape::with_rows(std::int64_t rows) const {
  std::vector<std::int64_t> all{rows};
  all.insert(all.end(), dims().begin(), dims().end());
  return Shape{all};
}

Shape Shape::without_rows() const {
  if (rank_ == 0) throw Error{ErrorCode::bug, "shape: a scalar has no rows to take away"};
  return Shape{dims().subspan(1)};
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (const std::int64_t dim : shape.dims()) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(dim);
  }
  return text + "]";
}

}  // namespace troupe::gpu
