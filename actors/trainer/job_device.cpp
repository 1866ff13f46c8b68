#include "actors/trainer/job_device.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "actors/job/training_job.hpp"
#include "actors/trainer/probe.hpp"
#include "gpu/cpu_device.hpp"
#include "gpu/cuda_device.hpp"
#include "runtime/base/error.hpp"

namespace troupe::actors {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

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

unsigned visible_gpus() {
  constexpr std::string_view prefix = "nvidia";
  unsigned count = 0;
  std::error_code unreadable;
  for (const auto& entry : std::filesystem::directory_iterator{"/dev", unreadable}) {
    const std::string name = entry.path().filename();
    if (name.starts_with(prefix) && is_number(std::string_view{name}.substr(prefix.size())))
      ++count;
  }
  if (const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES")) {
    // As CUDA reads it: up to the first that is none.
    unsigned named = 0;
    std::string_view list{visible};
    while (!list.empty()) {
      const std::string_view one = list.substr(0, list.find(','));
      if (!is_number(one) && !one.starts_with("GPU-") && !one.starts_with("MIG-")) break;
      ++named;
      list.remove_prefix(std::min(list.size(), one.size() + 1));
    }
    count = std::min(count, named);
  }
  return count;
}

int default_gpu(std::string_view path, unsigned gpus) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  constexpr std::size_t most_digits = 9;
  if (!is_number(name) || name.size() > most_digits) return 0;
  return std::stoi(std::string{name}) % static_cast<int>(std::max(1U, gpus));
}

std::string default_plan_cache() {
  for (const auto& [variable, below] :
       {std::pair{"XDG_CACHE_HOME", "/troupe/plans"}, std::pair{"HOME", "/.cache/troupe/plans"}}) {
    const char* const folder = std::getenv(variable);
    if (folder != nullptr && *folder == '/') return std::string{folder} + below;
  }
  return {};
}

}  // namespace troupe::actors
