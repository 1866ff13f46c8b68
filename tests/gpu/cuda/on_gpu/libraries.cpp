// In the place of tests/reference/libraries.cpp: the GPU as the library that has a kernel for every operation, so that
// the tests of operations judge it.
#include "tests/reference/libraries.hpp"

#include <array>
#include <map>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "gpu/device.hpp"
#include "tests/gpu/cuda/emulated_library.hpp"
#include "tests/gpu/cuda/test_device.hpp"

namespace troupe::test::reference {
namespace {

/// Operands that live, by where they begin.
std::map<std::byte*, std::size_t>& operands() {
  static std::map<std::byte*, std::size_t> operands;
  return operands;
}

/// A program of one operation. Its operands lie in the host's memory: each is copied to the device with the guards around
/// it, and back.
class DeviceKernel final : public gpu::Kernel {
 public:
  DeviceKernel(gpu::Device& device, const gpu::Operation& operation)
      : device_{device}, stream_{device.make_stream()}, count_{operand_count(operation)} {
    gpu::ProgramSpec spec;
    gpu::Instruction instruction{operation, {}, name_of(operation)};
    for (std::uint32_t i = 0; i < count_; ++i) {
      instruction.operands.push_back({gpu::Space::gradient, i, 0});
    }
    spec.instructions.push_back(std::move(instruction));
    program_ = device.compile(spec);
  }

  void run(void* const* addresses) override {
    std::map<std::byte*, std::shared_ptr<gpu::Storage>> copies;  // by where the operand begins
    std::vector<std::byte*> there;
    for (std::size_t i = 0; i < count_; ++i) {
      auto* const address = static_cast<std::byte*>(addresses[i]);
      const auto after = operands().upper_bound(address);
      if (after == operands().begin()) throw std::logic_error{"an address of no operand"};
      const auto& [begin, bytes] = *std::prev(after);
      auto& copy = copies[begin];
      if (copy == nullptr) {
        copy = device_.allocate(bytes, "a test");
        stream_->copy(copy->data(), begin, bytes);
      }
      there.push_back(copy->data() + (address - begin));
    }
    gpu::Bindings bindings;
    bindings.buckets = there;
    program_->run(*stream_, bindings, nullptr);
    for (const auto& [begin, copy] : copies) stream_->copy(begin, copy->data(), copy->size_bytes());
    stream_->synchronize();
  }

 private:
  gpu::Device& device_;
  std::unique_ptr<gpu::Stream> stream_;
  std::size_t count_;
  std::unique_ptr<gpu::Program> program_;
};

class DeviceLibrary final : public gpu::KernelLibrary {
 public:
  std::unique_ptr<gpu::Kernel> make(const gpu::Operation& operation,
                                    const gpu::KernelOptions&) override {
    return std::make_unique<DeviceKernel>(*device_, operation);
  }
  std::size_t workspace_bytes(const gpu::Operation& operation) override {
    return device_->workspace_bytes(operation);
  }
  std::vector<std::pair<std::string, std::string>> machine_record() const override {
    return device_->machine_record();
  }

 private:
  std::unique_ptr<gpu::Device> device_ = cuda::make_test_device();
};

}  // namespace

namespace {

DeviceLibrary& library() {
  static DeviceLibrary library;
  return library;
}

}  // namespace

Subject portable() {
  return {"CUDA", library(), true};
}

Subject narrow() {
  return {"CUDA, in bf16,", library(), true, gpu::DType::bf16};
}

std::shared_ptr<gpu::Storage> allocate_operand(std::size_t bytes) {
  const std::shared_ptr<gpu::Storage> memory = gpu::allocate_host(bytes);
  operands()[memory->data()] = bytes;
  return std::make_shared<gpu::Storage>(memory->data(), bytes,
                                        [memory](std::byte* data) { operands().erase(data); });
}

std::optional<Subject> find_onednn() {
  return {};
}

}  // namespace troupe::test::reference

namespace troupe::test::cuda {

reference::Subject emulated() {
  return reference::portable();
}

}  // namespace troupe::test::cuda
