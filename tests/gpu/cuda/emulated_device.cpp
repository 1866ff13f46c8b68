#include "tests/gpu/cuda/test_device.hpp"

#include <string>
#include <utility>
#include <vector>

#include "gpu/cuda/device.hpp"
#include "gpu/cuda/node_factory.hpp"
#include "gpu/cuda/own_nodes.hpp"
#include "gpu/reference/library.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"
#include "tests/support/cuda_emulator/device.hpp"
#include "tests/support/narrow_library.hpp"

namespace troupe::test::cuda {
namespace {

/// A kernel of the CPU's as work of a stream.
class KernelNode final : public gpu::cuda::Node {
 public:
  KernelNode(std::unique_ptr<gpu::Kernel> kernel, std::size_t operands)
      : kernel_{std::move(kernel)}, operands_{operands} {}

  void enqueue(gpu::cuda::StreamHandle stream, void* const* operands, void*) override {
    cuda_emulator::enqueue(
        stream, [kernel = kernel_, all = std::vector<void*>(operands, operands + operands_)] {
          const FloatEnvironment environment;
          kernel->run(all.data());
        });
  }

 private:
  std::shared_ptr<gpu::Kernel> kernel_;
  std::size_t operands_;
};

class EmulatedNodes final : public gpu::cuda::NodeFactory {
 public:
  std::unique_ptr<gpu::cuda::Node> make(const gpu::Operation& operation) override {
    if (auto own = gpu::cuda::make_own_node(operation)) return own;
    std::unique_ptr<gpu::Kernel> kernel = library(operation).make(operation, {});
    if (kernel == nullptr) {
      throw Error{ErrorCode::unsupported, "emulated CUDA: no kernel for " + name_of(operation)};
    }
    return std::make_unique<KernelNode>(std::move(kernel), operand_count(operation));
  }
  std::size_t workspace_bytes(const gpu::Operation& operation) override {
    return library(operation).workspace_bytes(operation);
  }
  std::vector<std::pair<std::string, std::string>> machine_record() const override {
    return {{"cuda.gpu", "emulated"}};
  }

 private:
  gpu::KernelLibrary& library(const gpu::Operation& operation) {
    return element_type(operation) == gpu::DType::f32 ? *portable_ : *narrow_;
  }
  std::shared_ptr<gpu::KernelLibrary> portable_ =
      std::make_shared<gpu::reference::ReferenceLibrary>();
  std::shared_ptr<gpu::KernelLibrary> narrow_ = make_narrow_library(portable_);
};

}  // namespace

std::unique_ptr<gpu::Device> make_test_device(bool graphs) {
  gpu::CudaOptions options;
  options.graphs = graphs;
  return std::make_unique<gpu::cuda::CudaDevice>(options, std::make_unique<EmulatedNodes>());
}

}  // namespace troupe::test::cuda
