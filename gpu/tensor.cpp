#include "gpu/tensor.hpp"

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "gpu/formulas/bf16.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw Error{ErrorCode::bad_input, "tensor: " + what};
}

Shape row_major(const Shape& shape) {
  std::vector<std::int64_t> strides(static_cast<std::size_t>(shape.rank()), 1);
  for (int axis = shape.rank() - 2; axis >= 0; --axis) {
    const auto at = static_cast<std::size_t>(axis);
    strides[at] = strides[at + 1] * shape[axis + 1];
  }
  return Shape{strides};
}

}  // namespace

std::shared_ptr<Storage> allocate_host(std::size_t bytes) {
  const std::size_t rounded = (bytes + alignment_bytes - 1) / alignment_bytes * alignment_bytes;
  void* data = rounded < bytes
                   ? nullptr
                   : std::aligned_alloc(alignment_bytes, rounded > 0 ? rounded : alignment_bytes);
  if (data == nullptr) {
    throw Error{ErrorCode::exhausted,
                "host memory: expected " + std::to_string(bytes) + " bytes, got none"};
  }
  std::memset(data, 0, rounded);
  return std::make_shared<Storage>(static_cast<std::byte*>(data), bytes,
                                   [](std::byte* p) { std::free(p); });
}

Tensor::Tensor(std::shared_ptr<Storage> storage, DType dtype, const Shape& shape,
               std::size_t offset_bytes)
    : storage_{std::move(storage)}, dtype_{dtype}, shape_{shape}, offset_bytes_{offset_bytes} {
  const std::size_t there = storage_ ? storage_->size_bytes() : 0;
  if (offset_bytes > there || size_bytes() > there - offset_bytes) {
    refuse(std::string{to_string(dtype)} + to_string(shape) + " at byte " +
           std::to_string(offset_bytes) + ": expected a storage that holds it, got " +
           std::to_string(there) + " bytes");
  }
}

Tensor Tensor::zeros(DType dtype, const Shape& shape) {
  return Tensor{allocate_host(static_cast<std::size_t>(shape.elements()) * gpu::size_bytes(dtype)),
                dtype, shape};
}

bool Tensor::contiguous() const {
  return strides_.rank() == 0 || strides_ == row_major(shape_);
}

std::size_t Tensor::size_bytes() const {
  return static_cast<std::size_t>(elements()) * gpu::size_bytes(dtype_);
}

Tensor Tensor::reshaped(const Shape& shape) const {
  if (!contiguous())
    refuse("expected contiguous memory to reshape, got strides " + to_string(strides_));
  if (shape.elements() != elements()) {
    refuse("expected a shape of " + std::to_string(elements()) + " elements, got " +
           to_string(shape));
  }
  Tensor result = *this;
  result.shape_ = shape;
  result.strides_ = {};
  return result;
}

Tensor Tensor::rows(std::int64_t begin, std::int64_t end) const {
  if (shape_.rank() == 0 || begin < 0 || begin > end || end > shape_[0]) {
    refuse("expected rows within " + to_string(shape_) + ", got [" + std::to_string(begin) + ", " +
           std::to_string(end) + ")");
  }
  const std::int64_t stride = strides_.rank() > 0 ? strides_[0] : shape_.without_rows().elements();
  Tensor result = *this;
  result.shape_ = shape_.without_rows().with_rows(end - begin);
  result.offset_bytes_ += static_cast<std::size_t>(begin * stride) * gpu::size_bytes(dtype_);
  return result;
}

Tensor Tensor::transposed(int first, int second) const {
  if (first < 0 || second < 0 || first >= shape_.rank() || second >= shape_.rank()) {
    refuse("expected axes of " + to_string(shape_) + ", got " + std::to_string(first) + " and " +
           std::to_string(second));
  }
  const Shape strides = strides_.rank() > 0 ? strides_ : row_major(shape_);
  std::vector<std::int64_t> dims{shape_.dims().begin(), shape_.dims().end()};
  std::vector<std::int64_t> steps{strides.dims().begin(), strides.dims().end()};
  std::swap(dims[static_cast<std::size_t>(first)], dims[static_cast<std::size_t>(second)]);
  std::swap(steps[static_cast<std::size_t>(first)], steps[static_cast<std::size_t>(second)]);
  Tensor result = *this;
  result.shape_ = Shape{dims};
  result.strides_ = Shape{steps};
  return result;
}

void Tensor::check_access(DType wanted) const {
  if (wanted != dtype_) {
    refuse("expected " + std::string{to_string(dtype_)} + " elements, got a view of " +
           std::string{to_string(wanted)});
  }
  if (!contiguous())
    refuse("expected contiguous memory to view, got strides " + to_string(strides_));
}

std::uint16_t to_bf16(float value) {
  return formulas::to_bf16(value);
}

float from_bf16(std::uint16_t bits) {
  return formulas::from_bf16(bits);
}

}  // namespace troupe::gpu
