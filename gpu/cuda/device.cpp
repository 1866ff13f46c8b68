#include "gpu/cuda/device.hpp"

#include <string>
#include <utility>

#include "gpu/cuda/kernels/add_chain.hpp"
#include "gpu/cuda/program.hpp"
#include "gpu/cuda/recorded.hpp"
#include "gpu/cuda/resident_data.hpp"
#include "gpu/cuda/status.hpp"
#include "gpu/cuda/step_queue.hpp"
#include "gpu/cuda/stopwatch.hpp"
#include "gpu/cuda/stream.hpp"
#include "gpu/cuda/updater.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu::cuda {

CudaDevice::CudaDevice(const CudaOptions& options, std::unique_ptr<NodeFactory> nodes)
    : options_{options},
      memory_{std::make_unique<Memory>(options.index)},
      nodes_{std::move(nodes)},
      utilisation_{options.index} {}

void CudaDevice::select() const {
  check(cudaSetDevice(options_.index), "cudaSetDevice");
}

std::shared_ptr<Storage> CudaDevice::allocate(std::size_t bytes, std::string_view what) {
  select();
  return memory_->allocate(bytes, what);
}

std::shared_ptr<Storage> CudaDevice::allocate_staging(std::size_t bytes, std::string_view what) {
  select();
  return memory_->allocate_pinned(bytes, what);
}

std::unique_ptr<Stream> CudaDevice::make_stream() {
  select();
  return std::make_unique<CudaStream>();
}

std::unique_ptr<Event> CudaDevice::make_event() {
  select();
  return std::make_unique<CudaEvent>(*memory_);
}

std::unique_ptr<Stopwatch> CudaDevice::make_stopwatch() {
  select();
  return std::make_unique<CudaStopwatch>();
}

std::size_t CudaDevice::workspace_bytes(const Operation& operation) {
  return nodes_->workspace_bytes(operation);
}

std::unique_ptr<Program> CudaDevice::compile(const ProgramSpec& spec) {
  select();
  auto program = std::make_unique<CudaProgram>(options_.index, *memory_, spec, options_.graphs);
  for (const Instruction& instruction : spec.instructions) {
    std::unique_ptr<Node> node;
    if (!std::holds_alternative<Signal>(instruction.operation)) {
      try {
        node = nodes_->make(instruction.operation);
      } catch (const Error& error) {
        throw Error{error.code(), "layer " + instruction.layer + ": " + error.what()};
      }
    }
    program->append(instruction, std::move(node));
  }
  program->finish();
  return program;
}

std::unique_ptr<Updater> CudaDevice::make_updater(const nn::StateLayout& layout,
                                                  const nn::OptimizerSpec& optimizer) {
  select();
  return std::make_unique<CudaUpdater>(options_.index, *memory_, layout, optimizer);
}

void CudaDevice::add_chain(Stream& stream, DType dtype, std::span<const std::byte* const> terms,
                           std::byte* to, std::size_t elements) {
  select();
  cuda::add_chain(static_cast<CudaStream&>(stream).handle(), dtype, terms, to, elements);
}

std::unique_ptr<Recorded> CudaDevice::record(Stream& stream, std::function<void()> enqueue) {
  select();
  return std::make_unique<CudaRecorded>(static_cast<CudaStream&>(stream), enqueue);
}

std::unique_ptr<StepQueue> CudaDevice::make_step_queue(std::size_t states, std::size_t outcomes) {
  select();
  return std::make_unique<CudaStepQueue>(options_.index, *memory_, states, outcomes);
}

std::optional<DeviceUse> CudaDevice::use() const {
  select();
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return DeviceUse{total - free, total, utilisation_.busy()};
}

std::unique_ptr<ResidentData> CudaDevice::make_resident(const ResidentSpec& spec) {
  select();
  return make_resident_data(options_.index, *memory_, spec);
}

std::vector<std::pair<std::string, std::string>> CudaDevice::machine_record() const {
  return nodes_->machine_record();
}

}  // namespace troupe::gpu::cuda
