#include "serialization/named_tensor.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

#include "runtime/base/error.hpp"

namespace troupe::serialization {

std::vector<NamedTensorView> sorted_by_name(std::span<const NamedTensorView> tensors) {
  std::vector<NamedTensorView> sorted{tensors.begin(), tensors.end()};
  std::ranges::sort(sorted, {}, &NamedTensorView::name);
  const auto twice = std::ranges::adjacent_find(sorted, {}, &NamedTensorView::name);
  if (twice != sorted.end()) {
    throw Error{ErrorCode::bad_input,
                "tensor " + std::string{twice->name} + ": expected one of that name, got two"};
  }
  for (const NamedTensorView& tensor : sorted) check_size(tensor);
  return sorted;
}

void check_size(const NamedTensorView& tensor) {
  const auto elements = static_cast<std::uint64_t>(tensor.shape.elements());
  const std::size_t element_bytes = size_bytes(tensor.dtype);
  // Divided and not multiplied: a shape may have 2^62 elements.
  if (element_bytes > 0 && tensor.bytes.size() % element_bytes == 0 &&
      tensor.bytes.size() / element_bytes == elements) {
    return;
  }
  throw Error{ErrorCode::bad_input, "tensor " + std::string{tensor.name} + ": expected " +
                                        std::to_string(elements) + " elements of " +
                                        std::string{to_string(tensor.dtype)} + " as in " +
                                        to_string(tensor.shape) + ", got " +
                                        std::to_string(tensor.bytes.size()) + " bytes"};
}

}  // namespace troupe::serialization
