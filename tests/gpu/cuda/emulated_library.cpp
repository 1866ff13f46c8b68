#include "tests/gpu/cuda/emulated_library.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gpu/cuda/node.hpp"
#include "gpu/cuda/own_nodes.hpp"
#include "gpu/tensor.hpp"

namespace troupe::test::cuda {
namespace {

class EmulatedKernel final : public gpu::Kernel {
 public:
  explicit EmulatedKernel(std::unique_ptr<gpu::cuda::Node> node) : node_{std::move(node)} {}

  void run(void* const* operands) override {
    const std::size_t bytes = node_->scratch_bytes();
    const auto memory = gpu::allocate_host(bytes + 2 * guard_bytes);
    std::byte* const scratch = memory->data() + guard_bytes;
    std::memset(memory->data(), 0xFF, memory->size_bytes());
    node_->enqueue(nullptr, operands, scratch);
    const auto untouched = [](const std::byte* begin) {
      return std::all_of(begin, begin + guard_bytes,
                         [](std::byte b) { return b == std::byte{0xFF}; });
    };
    if (!untouched(memory->data()) || !untouched(scratch + bytes)) {
      throw std::runtime_error{"emulated CUDA: written outside of the scratch"};
    }
  }

 private:
  static constexpr std::size_t guard_bytes = 256;
  std::unique_ptr<gpu::cuda::Node> node_;
};

class EmulatedLibrary final : public gpu::KernelLibrary {
 public:
  std::unique_ptr<gpu::Kernel> make(const gpu::Operation& operation,
                                    const gpu::KernelOptions&) override {
    std::unique_ptr<gpu::cuda::Node> node = gpu::cuda::make_own_node(operation);
    return node != nullptr ? std::make_unique<EmulatedKernel>(std::move(node)) : nullptr;
  }
  std::size_t workspace_bytes(const gpu::Operation&) override { return 0; }
  std::vector<std::pair<std::string, std::string>> machine_record() const override { return {}; }
};

}  // namespace

reference::Subject emulated() {
  static EmulatedLibrary library;
  return {"emulated CUDA", library, false};
}

}  // namespace troupe::test::cuda
