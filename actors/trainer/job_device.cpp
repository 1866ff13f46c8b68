#include "actors/trainer/job_device.hpp"

#include <utility>

#include "actors/job/training_job.hpp"
#include "actors/trainer/probe.hpp"
#include "gpu/cpu_device.hpp"
#include "gpu/cuda_device.hpp"
#include "runtime/base/error.hpp"

namespace troupe::actors {

JobDevice JobDevice::make(const TrainingJob& job, const GpuOptions& gpu) {
  const TrainSpec& train = job.train();
  JobDevice result;
  if (train.device != DeviceKind::cpu) {
    gpu::CudaOptions options;
    options.index = gpu.index;
    options.tf32 = train.tf32;
    options.deterministic = train.deterministic;
    options.plan_cache = gpu.plan_cache;
    try {
      result.device = gpu::make_cuda_device(options);
      result.is_cpu = false;
      return result;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unsupported || train.device == DeviceKind::cuda) throw;
      result.why_not = error.what();
    }
  }
  result.device = gpu::make_cpu_device({.threads = job.spec().threads_per_shard});
  return result;
}

JobMachine machine_of(const TrainingJob& job, JobDevice& device) {
  JobMachine machine;
  machine.probe = device.is_cpu ? probe_here(job) : probe(job, *device.device);
  for (auto& [key, value] : device.device->machine_record())
    machine.facts.push_back({std::move(key), std::move(value)});
  return machine;
}

}  // namespace troupe::actors
