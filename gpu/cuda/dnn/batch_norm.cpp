#include <array>
#include <cstdint>
#include <memory>

#include "gpu/cuda/body_node.hpp"
#include "gpu/cuda/dnn/nodes.hpp"
#include "gpu/cuda/dnn/scratch.hpp"
#include "gpu/cuda/dnn/wide_channels.hpp"
#include "gpu/cuda/kernels/batch_norm.hpp"
#include "gpu/reference/checks.hpp"

// cuDNN gives and takes the inverse deviation, 1 / sqrt(variance + epsilon), where the operations have the variance:
// kernels of ours go from one to the other. The relu is ours too, with the mask that its backward reads.
namespace troupe::gpu::cuda::dnn {
namespace {

template <class Norm>
void check(const Norm& norm) {
  reference::check_sizes(norm, {norm.count, norm.channels});
  reference::check_none_or_relu(norm, norm.activation);
}

/// The same with channels that cuDNN takes.
template <class Norm>
Norm widened(Norm norm) {
  norm.channels = wide_channels(norm.channels, norm.type);
  return norm;
}

template <class Norm>
std::size_t mask_bytes(const Norm& norm) {
  return norm.activation == Activation::relu
             ? static_cast<std::size_t>(norm.count * widened(norm).channels)
             : 0;
}

}  // namespace

std::unique_ptr<Node> make_node(Context& context, const BatchNorm& op) {
  check(op);
  if (const BatchNorm wide = widened(op); wide.channels != op.channels) {
    constexpr bool output = true;
    const std::size_t element = size_bytes(op.type);
    return with_wide_channels(make_node(context, wide), op.channels, wide.channels,
                              operand_count(op),
                              {{0, op.count, element},
                               {1, 1, sizeof(float)},
                               {2, 1, sizeof(float)},
                               {3, op.count, element, output},
                               {4, 1, sizeof(float), output},
                               {5, 1, sizeof(float), output},
                               {7, 2, sizeof(double), output, sizeof(double)}});
  }
  const auto plan = context.plan(graph_of(op), describe(op));
  ScratchParts parts;
  const std::size_t inverse_at = parts.add(static_cast<std::size_t>(op.channels) * sizeof(float));
  const std::size_t plan_at = parts.add(plan->workspace_bytes());
  return node_of(parts.bytes(), [&context, op, plan, inverse_at, plan_at](
                                    StreamHandle stream, void* const* o, void* scratch) {
    auto* const inverse = static_cast<float*>(part_of(scratch, inverse_at));
    void* const y = o[3];
    auto* const mean = static_cast<float*>(o[4]);
    const std::array<void*, 6> addresses{o[0], o[1], o[2], y, mean, inverse};
    plan->execute(context.target().handle(), stream, addresses, part_of(scratch, plan_at));
    batch_norm_moments(stream, op.count, op.channels, op.epsilon, mean, inverse,
                       static_cast<float*>(o[5]), static_cast<double*>(o[7]));
    if (op.activation == Activation::relu) {
      relu_with_mask(stream, op.type, op.count * op.channels, y, static_cast<std::uint8_t*>(o[6]));
    }
  });
}

std::unique_ptr<Node> make_node(Context& context, const BatchNormBackward& op) {
  check(op);
  if (const BatchNormBackward wide = widened(op); wide.channels != op.channels) {
    constexpr bool output = true;
    const std::size_t element = size_bytes(op.type);
    return with_wide_channels(make_node(context, wide), op.channels, wide.channels,
                              operand_count(op),
                              {{0, op.count, element},
                               {1, op.count, element},
                               {2, 1, sizeof(float)},
                               {3, 1, sizeof(float)},
                               {4, 1, sizeof(float)},
                               {6, op.count, element, output},
                               {7, 1, sizeof(float), output},
                               {8, 1, sizeof(float), output}});
  }
  const auto plan = context.plan(graph_of(op), describe(op));
  const bool relu = op.activation == Activation::relu;
  ScratchParts parts;
  const std::size_t inverse_at = parts.add(static_cast<std::size_t>(op.channels) * sizeof(float));
  const std::size_t passed_at = parts.add(mask_bytes(op) * size_bytes(op.type));
  const std::size_t plan_at = parts.add(plan->workspace_bytes());
  return node_of(parts.bytes(), [&context, op, plan, relu, inverse_at, passed_at, plan_at](
                                    StreamHandle stream, void* const* o, void* scratch) {
    auto* const inverse = static_cast<float*>(part_of(scratch, inverse_at));
    void* const passed = relu ? part_of(scratch, passed_at) : o[1];
    inverse_deviations(stream, op.channels, op.epsilon, static_cast<const float*>(o[4]), inverse);
    if (relu) {
      mask_gradient(stream, op.type, op.count * op.channels, o[1],
                    static_cast<const std::uint8_t*>(o[5]), passed);
    }
    const std::array<void*, 8> addresses{o[0], passed, o[2], o[3], inverse, o[6], o[7], o[8]};
    plan->execute(context.target().handle(), stream, addresses, part_of(scratch, plan_at));
  });
}

std::size_t workspace_bytes(const BatchNorm& op) {
  return mask_bytes(op);
}

std::size_t workspace_bytes(const BatchNormBackward& op) {
  return mask_bytes(op);
}

}  // namespace troupe::gpu::cuda::dnn
