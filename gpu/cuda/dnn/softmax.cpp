#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "gpu/cuda/body_node.hpp"
#include "gpu/cuda/dnn/nodes.hpp"
#include "gpu/reference/checks.hpp"
#include "runtime/base/error.hpp"

// By the calls of old, which are not deprecated: the graph API has no operation for it.
namespace troupe::gpu::cuda::dnn {
namespace {

constexpr auto algorithm = CUDNN_SOFTMAX_ACCURATE;  // subtracts each row's maximum
constexpr auto mode = CUDNN_SOFTMAX_MODE_INSTANCE;
constexpr float one = 1.0F, zero = 0.0F;

/// [rows, width] as cuDNN's n and c.
class Rows {
 public:
  template <class Op>
  explicit Rows(const Op& op) {
    reference::check_sizes(op, {op.rows, op.width});
    constexpr std::int64_t most = std::numeric_limits<int>::max();
    if (op.rows > most || op.width > most || op.rows > most / op.width) {
      throw Error{ErrorCode::unsupported,
                  "cuda: " + describe(op) + ": expected less than 2^31 values"};
    }
    const cudnnDataType_t type = data_type(op.type);
    cudnnTensorDescriptor_t raw = nullptr;
    check(cudnnCreateTensorDescriptor(&raw), "cudnnCreateTensorDescriptor");
    descriptor_ = {raw, [](cudnnTensorDescriptor_t made) { cudnnDestroyTensorDescriptor(made); }};
    check(cudnnSetTensor4dDescriptor(raw, CUDNN_TENSOR_NCHW, type, static_cast<int>(op.rows),
                                     static_cast<int>(op.width), 1, 1),
          "cudnnSetTensor4dDescriptor");
  }
  cudnnTensorDescriptor_t raw() const { return descriptor_.get(); }

 private:
  std::shared_ptr<std::remove_pointer_t<cudnnTensorDescriptor_t>> descriptor_;
};

}  // namespace

std::unique_ptr<Node> make_node(Context& context, const Softmax& op) {
  return node_of(0, [&context, rows = Rows{op}](StreamHandle stream, void* const* o, void*) {
    const cudnnHandle_t handle = context.target().handle();
    check(cudnnSetStream(handle, stream), "cudnnSetStream");
    check(cudnnSoftmaxForward(handle, algorithm, mode, &one, rows.raw(), o[0], &zero, rows.raw(),
                              o[1]),
          "cudnnSoftmaxForward");
  });
}

std::unique_ptr<Node> make_node(Context& context, const SoftmaxBackward& op) {
  return node_of(0, [&context, rows = Rows{op}](StreamHandle stream, void* const* o, void*) {
    const cudnnHandle_t handle = context.target().handle();
    check(cudnnSetStream(handle, stream), "cudnnSetStream");
    check(cudnnSoftmaxBackward(handle, algorithm, mode, &one, rows.raw(), o[0], rows.raw(), o[1],
                               &zero, rows.raw(), o[2]),
          "cudnnSoftmaxBackward");
  });
}

}  // namespace troupe::gpu::cuda::dnn
