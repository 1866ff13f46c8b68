#include "gpu/reference/pointwise.hpp"

#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "runtime/base/error.hpp"

namespace troupe::gpu::reference {
namespace {

template <class Body>
class BodyKernel final : public Kernel {
 public:
  explicit BodyKernel(Body body) : body_{std::move(body)} {}
  void run(void* const* operands) override { body_(operands); }

 private:
  Body body_;
};

/// A kernel that does what `body(operands)` does.
template <class Body>
std::unique_ptr<Kernel> kernel_of(Body body) {
  return std::make_unique<BodyKernel<Body>>(std::move(body));
}

void expect(bool holds, const char* operation, const char* expected) {
  if (!holds) {
    throw Error{ErrorCode::bad_input, std::string{operation} + ": expected " + expected};
  }
}

std::unique_ptr<Kernel> make(const StridedCopy& op) {
  expect(op.rows >= 0 && op.width_bytes >= 0, "strided copy", "rows and widths of 0 or more");
  if (op.from_stride_bytes == op.width_bytes && op.to_stride_bytes == op.width_bytes) {
    return kernel_of([bytes = static_cast<std::size_t>(op.rows * op.width_bytes)](void* const* o) {
      if (bytes != 0) std::memcpy(o[1], o[0], bytes);
    });
  }
  return kernel_of([op](void* const* o) {
    const auto* from = static_cast<const std::byte*>(o[0]);
    auto* to = static_cast<std::byte*>(o[1]);
    for (std::int64_t row = 0; row < op.rows; ++row) {
      std::memcpy(to, from, static_cast<std::size_t>(op.width_bytes));
      from += op.from_stride_bytes;
      to += op.to_stride_bytes;
    }
  });
}

std::unique_ptr<Kernel> make(const Zero& op) {
  expect(op.bytes >= 0, "zero", "0 bytes or more");
  return kernel_of([bytes = static_cast<std::size_t>(op.bytes)](void* const* o) {
    if (bytes != 0) std::memset(o[0], 0, bytes);
  });
}

/// Not of this family.
template <class Other>
std::unique_ptr<Kernel> make(const Other&) {
  return nullptr;
}

}  // namespace

std::unique_ptr<Kernel> make_pointwise(const Operation& operation) {
  return std::visit([](const auto& op) { return make(op); }, operation);
}

}  // namespace troupe::gpu::reference
