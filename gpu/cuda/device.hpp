#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gpu/cuda/memory.hpp"
#include "gpu/cuda/node_factory.hpp"
#include "gpu/cuda/utilisation.hpp"
#include "gpu/cuda_device.hpp"
#include "gpu/device.hpp"

namespace troupe::gpu::cuda {

/// An NVIDIA GPU (gpu/cuda_device.hpp). Programs, streams, events and storages may not outlive it, except for storages.
class CudaDevice final : public Device {
 public:
  CudaDevice(const CudaOptions& options, std::unique_ptr<NodeFactory> nodes);

  std::string name() const override { return "cuda:" + std::to_string(options_.index); }
  std::shared_ptr<Storage> allocate(std::size_t bytes, std::string_view what) override;
  std::shared_ptr<Storage> allocate_staging(std::size_t bytes, std::string_view what) override;
  bool host_accessible() const override { return false; }
  std::unique_ptr<Stream> make_stream() override;
  std::unique_ptr<Event> make_event() override;
  std::unique_ptr<Stopwatch> make_stopwatch() override;
  std::size_t workspace_bytes(const Operation& operation) override;
  std::unique_ptr<Program> compile(const ProgramSpec& spec) override;
  std::unique_ptr<Updater> make_updater(const nn::StateLayout& layout,
                                        const nn::OptimizerSpec& optimizer) override;
  void add_chain(Stream& stream, DType dtype, std::span<const std::byte* const> terms,
                 std::byte* to, std::size_t elements) override;
  std::unique_ptr<Recorded> record(Stream& stream, std::function<void()> enqueue) override;
  std::unique_ptr<StepQueue> make_step_queue(std::size_t states, std::size_t outcomes) override;
  std::optional<DeviceUse> use() const override;
  std::unique_ptr<ResidentData> make_resident(const ResidentSpec& spec) override;
  std::vector<std::pair<std::string, std::string>> machine_record() const override;

 private:
  void select() const;

  CudaOptions options_;
  std::unique_ptr<Memory> memory_;
  std::unique_ptr<NodeFactory> nodes_;
  Utilisation utilisation_;
};

}  // namespace troupe::gpu::cuda
