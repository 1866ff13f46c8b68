#include "gpu/cuda/own_nodes.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "gpu/cuda/body_node.hpp"
#include "gpu/cuda/kernels/activation.hpp"
#include "gpu/cuda/kernels/batch_norm.hpp"
#include "gpu/cuda/kernels/cast.hpp"
#include "gpu/cuda/kernels/copy.hpp"
#include "gpu/cuda/kernels/dropout.hpp"
#include "gpu/cuda/kernels/losses.hpp"
#include "gpu/reference/checks.hpp"
#include "gpu/step_state.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu::cuda {
namespace {

template <class T>
const T* in(const void* operand) {
  return static_cast<const T*>(operand);
}

void check_type(const Operation& operation) {
  const DType type = element_type(operation);
  if (type == DType::f32 || type == DType::bf16) return;
  throw Error{ErrorCode::unsupported, name_of(operation) +
                                          ": expected elements of f32 or bf16, got " +
                                          std::string{to_string(type)}};
}

std::unique_ptr<Node> make(const Activate& op) {
  return node_of(0, [op](StreamHandle stream, void* const* o, void*) {
    activate(stream, op.type, op.activation, op.elements, o[0], o[1]);
  });
}

std::unique_ptr<Node> make(const ActivateBackward& op) {
  return node_of(0, [op](StreamHandle stream, void* const* o, void*) {
    activate_backward(stream, op.type, op.activation, op.elements, o[0], o[1], o[2]);
  });
}

std::unique_ptr<Node> make(const Add& op) {
  const auto inputs = static_cast<std::size_t>(op.inputs);
  if (inputs > most_added) {
    throw Error{ErrorCode::unsupported, "add: expected at most " + std::to_string(most_added) +
                                            " inputs, got " + std::to_string(inputs)};
  }
  return node_of(0, [op, inputs](StreamHandle stream, void* const* o, void*) {
    add(stream, op.type, op.activation, op.elements, std::span<const void* const>{o, inputs},
        o[inputs]);
  });
}

std::unique_ptr<Node> make(const Dropout& op) {
  return node_of(0, [op](StreamHandle stream, void* const* o, void*) {
    dropout(stream, op, o[0], in<StepState>(o[1]), o[2]);
  });
}

std::unique_ptr<Node> make(const StridedCopy& op) {
  return node_of(0, [op](StreamHandle stream, void* const* o, void*) {
    strided_copy(stream, op, o[0], o[1]);
  });
}

std::unique_ptr<Node> make(const Zero& op) {
  return node_of(0, [bytes = static_cast<std::size_t>(op.bytes)](
                        StreamHandle stream, void* const* o, void*) { zero(stream, o[0], bytes); });
}

std::unique_ptr<Node> make(const CastScale& op) {
  const bool takes = op.from != DType::f64 && (op.to == DType::f32 || op.to == DType::bf16);
  if (!takes) {
    throw Error{ErrorCode::unsupported,
                "cast: expected u8, i32, i64, bf16 or f32 to f32 or bf16, got " +
                    std::string{to_string(op.from)} + " to " + std::string{to_string(op.to)}};
  }
  return node_of(
      0, [op](StreamHandle stream, void* const* o, void*) { cast_scale(stream, op, o[0], o[1]); });
}

std::unique_ptr<Node> make(const BatchNormInference& op) {
  reference::check_sizes(op, {op.count, op.channels});
  reference::check_none_or_relu(op, op.activation);
  return node_of(batch_norm_inference_scratch_bytes(op),
                 [op](StreamHandle stream, void* const* o, void* scratch) {
                   batch_norm_inference(stream, op, o[0], in<float>(o[1]), in<float>(o[2]),
                                        in<float>(o[3]), in<float>(o[4]), o[5], scratch);
                 });
}

/// A loss of operands (scores, `Target`s, StepState, (gradient), loss, counted rows).
template <class Target, class Op, class Enqueue>
std::unique_ptr<Node> loss_node(const Op& op, Enqueue enqueue) {
  return node_of(loss_scratch_bytes(op.rows), [op, enqueue](StreamHandle stream, void* const* o,
                                                            void* scratch) {
    void* const* const rest = o + 3 + op.gradient;
    const LossOutputs outputs{op.gradient ? o[3] : nullptr, static_cast<double*>(rest[0]),
                              static_cast<std::int64_t*>(rest[1])};
    enqueue(stream, op, o[0], in<Target>(o[1]), in<StepState>(o[2]), outputs, scratch);
  });
}

std::unique_ptr<Node> make(const SoftmaxCrossEntropy& op) {
  return loss_node<std::int32_t>(op, softmax_cross_entropy);
}
std::unique_ptr<Node> make(const BinaryCrossEntropy& op) {
  return loss_node<float>(op, binary_cross_entropy);
}
std::unique_ptr<Node> make(const MeanSquaredError& op) {
  return loss_node<float>(op, mean_squared_error);
}

/// Not ours.
template <class Other>
std::unique_ptr<Node> make(const Other&) {
  return nullptr;
}

}  // namespace

std::unique_ptr<Node> make_own_node(const Operation& operation) {
  check_type(operation);
  reference::check_pointwise(operation);
  return std::visit([](const auto& op) { return make(op); }, operation);
}

}  // namespace troupe::gpu::cuda
