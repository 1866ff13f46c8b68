#include "gpu/reference/pointwise.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "gpu/reference/activation_kernels.hpp"
#include "gpu/reference/checks.hpp"
#include "gpu/reference/dropout_kernels.hpp"
#include "gpu/reference/isa.hpp"
#include "gpu/reference/loss_kernels.hpp"
#include "gpu/reference/softmax_kernels.hpp"
#include "gpu/step_state.hpp"
#include "runtime/base/random.hpp"

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

template <class T>
const T* in(const void* operand) {
  return static_cast<const T*>(operand);
}
template <class T>
T* out(void* operand) {
  return static_cast<T*>(operand);
}

std::size_t index_of(Activation activation) {
  return static_cast<std::size_t>(activation);
}

std::unique_ptr<Kernel> make(const Activate& op) {
  const auto forward = TROUPE_PICK_ISA(activation_table).forward[index_of(op.activation)];
  return kernel_of([forward, elements = op.elements](void* const* o) {
    forward(in<float>(o[0]), out<float>(o[1]), elements);
  });
}

std::unique_ptr<Kernel> make(const ActivateBackward& op) {
  const auto backward = TROUPE_PICK_ISA(activation_table).backward[index_of(op.activation)];
  return kernel_of([backward, elements = op.elements](void* const* o) {
    backward(in<float>(o[0]), in<float>(o[1]), out<float>(o[2]), elements);
  });
}

std::unique_ptr<Kernel> make(const Softmax& op) {
  const auto forward = TROUPE_PICK_ISA(softmax_table).forward;
  return kernel_of([forward, op](void* const* o) {
    forward(in<float>(o[0]), out<float>(o[1]), op.rows, op.width);
  });
}

std::unique_ptr<Kernel> make(const SoftmaxBackward& op) {
  const auto backward = TROUPE_PICK_ISA(softmax_table).backward;
  return kernel_of([backward, op](void* const* o) {
    backward(in<float>(o[0]), in<float>(o[1]), out<float>(o[2]), op.rows, op.width);
  });
}

std::unique_ptr<Kernel> make(const Dropout& op) {
  static_assert(static_cast<std::uint32_t>(Purpose::dropout) == DropoutTable::purpose);
  const auto dropout = TROUPE_PICK_ISA(dropout_table).dropout;
  return kernel_of([dropout, op](void* const* o) {
    const StepState& step = *in<StepState>(o[1]);
    dropout(in<float>(o[0]), out<float>(o[2]), op.rows, op.width, op.rate, step.seed, step.position,
            op.layer);
  });
}

std::unique_ptr<Kernel> make(const Add& op) {
  const ActivationTable& table = TROUPE_PICK_ISA(activation_table);
  return kernel_of([add = table.add, act = table.forward[index_of(op.activation)],
                    inputs = static_cast<std::size_t>(op.inputs), elements = op.elements](
                       void* const* o) { add(o, inputs, act, out<float>(o[inputs]), elements); });
}

std::unique_ptr<Kernel> make(const StridedCopy& op) {
  if (op.from_stride_bytes == op.width_bytes && op.to_stride_bytes == op.width_bytes) {
    return kernel_of(
        [op, bytes = static_cast<std::size_t>(op.rows * op.width_bytes)](void* const* o) {
          if (bytes == 0) return;
          std::memcpy(out<std::byte>(o[1]) + op.to_offset_bytes,
                      in<std::byte>(o[0]) + op.from_offset_bytes, bytes);
        });
  }
  return kernel_of([op](void* const* o) {
    const auto* from = in<std::byte>(o[0]) + op.from_offset_bytes;
    auto* to = out<std::byte>(o[1]) + op.to_offset_bytes;
    for (std::int64_t row = 0; row < op.rows; ++row) {
      std::memcpy(to, from, static_cast<std::size_t>(op.width_bytes));
      from += op.from_stride_bytes;
      to += op.to_stride_bytes;
    }
  });
}

std::unique_ptr<Kernel> make(const Zero& op) {
  return kernel_of([bytes = static_cast<std::size_t>(op.bytes)](void* const* o) {
    if (bytes != 0) std::memset(o[0], 0, bytes);
  });
}

template <class T>
std::unique_ptr<Kernel> cast_kernel(const CastScale& op, ActivationTable::Cast<T> cast) {
  return kernel_of([op, cast](void* const* o) {
    cast(in<T>(o[0]), op.scale, op.offset, out<float>(o[1]), op.elements);
  });
}

std::unique_ptr<Kernel> make(const CastScale& op) {
  const ActivationTable& table = TROUPE_PICK_ISA(activation_table);
  switch (op.from) {
    case DType::u8:
      return cast_kernel(op, table.cast_u8);
    case DType::i32:
      return cast_kernel(op, table.cast_i32);
    case DType::i64:
      return cast_kernel(op, table.cast_i64);
    case DType::bf16:
      return cast_kernel(op, table.cast_bf16);
    case DType::f32:
      return cast_kernel(op, table.cast_f32);
    default:
      return nullptr;
  }
}

/// The operands of a loss behind its inputs: StepState, (gradient), loss, counted rows.
class LossOperands {
 public:
  LossOperands(void* const* operands, std::int64_t all_rows, bool gradient,
               std::int64_t rows_per_sample = 1)
      : rest_{operands + 3 + gradient},
        gradient_{gradient ? out<float>(operands[3]) : nullptr},
        rows_{std::min(in<StepState>(operands[2])->rows * rows_per_sample, all_rows)} {}
  std::int64_t rows() const { return rows_; }
  float* gradient() const { return gradient_; }
  void write(const LossSum& sum) const {
    *out<double>(rest_[0]) = sum.loss;
    *out<std::int64_t>(rest_[1]) = sum.counted;
  }

 private:
  void* const* rest_;
  float* gradient_;
  std::int64_t rows_;
};

std::unique_ptr<Kernel> make(const SoftmaxCrossEntropy& op) {
  const auto loss = TROUPE_PICK_ISA(loss_table).cross_entropy;
  return kernel_of([loss, op](void* const* o) {
    const LossOperands rest{o, op.rows, op.gradient, op.rows_per_sample};
    rest.write(loss(in<float>(o[0]), in<std::int32_t>(o[1]), rest.gradient(), op.rows, rest.rows(),
                    op.classes, op.smoothing, op.ignore_index));
  });
}

using ElementLoss = decltype(LossTable::squared_error);
template <class Loss>
std::unique_ptr<Kernel> element_loss_kernel(const Loss& op, ElementLoss loss) {
  return kernel_of([loss, op](void* const* o) {
    const LossOperands rest{o, op.rows, op.gradient};
    rest.write(
        loss(in<float>(o[0]), in<float>(o[1]), rest.gradient(), op.rows, rest.rows(), op.width));
  });
}

std::unique_ptr<Kernel> make(const BinaryCrossEntropy& op) {
  return element_loss_kernel(op, TROUPE_PICK_ISA(loss_table).binary_cross_entropy);
}

std::unique_ptr<Kernel> make(const MeanSquaredError& op) {
  return element_loss_kernel(op, TROUPE_PICK_ISA(loss_table).squared_error);
}

/// Not of this family.
template <class Other>
std::unique_ptr<Kernel> make(const Other&) {
  return nullptr;
}

}  // namespace

std::unique_ptr<Kernel> make_pointwise(const Operation& operation) {
  check_pointwise(operation);
  return std::visit([](const auto& op) { return make(op); }, operation);
}

}  // namespace troupe::gpu::reference
