#include "gpu/cuda/library_nodes.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "gpu/cuda/dense.hpp"
#include "gpu/cuda/dnn/context.hpp"
#include "gpu/cuda/dnn/nodes.hpp"
#include "gpu/cuda/library_status.hpp"
#include "gpu/cuda/machine.hpp"
#include "gpu/cuda/own_nodes.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu::cuda {
namespace {

/// A node, and an activation in place over what it put out.
class ActivatedNode final : public Node {
 public:
  ActivatedNode(std::unique_ptr<Node> node, std::unique_ptr<Node> activate, std::size_t output)
      : node_{std::move(node)}, activate_{std::move(activate)}, output_{output} {}

  std::size_t scratch_bytes() const override {
    return std::max(node_->scratch_bytes(), activate_->scratch_bytes());
  }
  void enqueue(StreamHandle stream, void* const* operands, void* scratch) override {
    node_->enqueue(stream, operands, scratch);
    void* const in_place[] = {operands[output_], operands[output_]};
    activate_->enqueue(stream, in_place, scratch);
  }

 private:
  std::unique_ptr<Node> node_, activate_;
  std::size_t output_;
};

/// A handle of cuDNN's for the device that the thread uses.
class DnnHandle {
 public:
  DnnHandle() { check(cudnnCreate(&handle_), "cudnnCreate"); }
  ~DnnHandle() { cudnnDestroy(handle_); }
  DnnHandle(const DnnHandle&) = delete;
  DnnHandle& operator=(const DnnHandle&) = delete;
  cudnnHandle_t get() const { return handle_; }

 private:
  cudnnHandle_t handle_ = nullptr;
};

std::string description_of(const cudaDeviceProp& gpu) {
  return std::string{gpu.name} + ", " + std::to_string(gpu.major) + "." +
         std::to_string(gpu.minor) + ", " + std::to_string(gpu.multiProcessorCount) +
         " multiprocessors";
}

class LibraryNodes final : public NodeFactory {
 public:
  LibraryNodes(const CudaOptions& options, const cudaDeviceProp& gpu)
      : options_{options},
        gpu_{gpu},
        blas_{options.tf32, options.deterministic},
        cache_{options.plan_cache.empty()
                   ? std::nullopt
                   : std::optional<dnn::PlanCache>{std::in_place, posix_files(),
                                                   options.plan_cache.string()}},
        context_{dnn::Target::device(handle_.get(), description_of(gpu)),
                 {.deterministic = options.deterministic, .tf32 = options.tf32},
                 cache_ ? &*cache_ : nullptr} {}

  std::unique_ptr<Node> make(const Operation& operation) override {
    if (auto node = make_own_node(operation)) return node;
    if (auto node = std::visit([this](const auto& op) { return from_library(op); }, operation)) {
      return node;
    }
    if (const auto parts = without_activation(operation)) {
      auto node = std::visit([this](const auto& op) { return from_library(op); }, parts->operation);
      auto activate = make_own_node(parts->activate);
      if (node != nullptr && activate != nullptr) {
        return std::make_unique<ActivatedNode>(std::move(node), std::move(activate), parts->output);
      }
    }
    throw Error{ErrorCode::unsupported, "cuda: no kernel for " + name_of(operation)};
  }

  std::size_t workspace_bytes(const Operation& operation) override {
    return std::visit(
        [](const auto& op) -> std::size_t {
          if constexpr (requires { dnn::workspace_bytes(op); }) return dnn::workspace_bytes(op);
          return 0;
        },
        operation);
  }

  std::vector<std::pair<std::string, std::string>> machine_record() const override {
    std::vector<std::pair<std::string, std::string>> record = cuda::machine_record(gpu_);
    record.emplace_back("cuda.tf32", options_.tf32 ? "allowed" : "off");
    record.emplace_back("cuda.deterministic", options_.deterministic ? "yes" : "no");
    for (const auto& [layer, choice] : context_.choices())
      record.emplace_back("cudnn." + layer, choice);
    for (const auto& [layer, choice] : blas_.choices)
      record.emplace_back("cublaslt." + layer, choice);
    return record;
  }

 private:
  /// Null where no library has it.
  template <class Op>
  std::unique_ptr<Node> from_library(const Op& op) {
    if constexpr (requires { dnn::make_node(context_, op); }) return dnn::make_node(context_, op);
    if constexpr (requires { make_node(blas_, op); }) return make_node(blas_, op);
    return nullptr;
  }

  CudaOptions options_;
  cudaDeviceProp gpu_;
  DnnHandle handle_;
  BlasContext blas_;
  std::optional<dnn::PlanCache> cache_;
  dnn::Context context_;
};

}  // namespace

std::unique_ptr<NodeFactory> make_library_nodes(const CudaOptions& options) {
  const cudaDeviceProp gpu = find_gpu(options.index);
  check(cudaSetDevice(options.index), "cudaSetDevice");
  return std::make_unique<LibraryNodes>(options, gpu);
}

}  // namespace troupe::gpu::cuda
