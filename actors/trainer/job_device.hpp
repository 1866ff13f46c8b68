#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "actors/report/machine_file.hpp"
#include "serialization/xxh3.hpp"

namespace troupe::gpu {
class Device;
}

namespace troupe::actors {

class TrainingJob;

/// Which GPU, where a job wants one.
struct GpuOptions {
  int index = 0;           ///< among those that the process sees
  std::string plan_cache;  ///< a folder for built plans; empty: none is kept
};

/// A device of the kind that a job asks for (`train: device`), for one trainer.
struct JobDevice {
  std::unique_ptr<gpu::Device> device;
  bool is_cpu = true;
  std::string why_not;  ///< with `auto`: why it is not a GPU, a line

  /// @throws Error unsupported, saying why, if the job wants a GPU that cannot be had.
  static JobDevice make(const TrainingJob& job, const GpuOptions& gpu);
};

/// What a machine makes of a job, and what that depends on (JOB-6).
struct JobMachine {
  serialization::Xxh3Digest probe{};
  MachineFacts facts;  ///< without the probe
};

/// By the device that will compute the job. On the CPU what probe_here() remembers; on a GPU what is tuned (engines) is
/// settled by it, and stands in the facts. @throws Error as probe() does.
JobMachine machine_of(const TrainingJob& job, JobDevice& device);

/// How many GPUs this process sees: by the driver's device files and CUDA_VISIBLE_DEVICES, without any use of CUDA, after
/// which a process could not be forked.
unsigned visible_gpus();

/// Which of so many a trainer has by its path, whose last part is its number in its group: round about.
int default_gpu(std::string_view path, unsigned gpus);

/// Where plans are kept unless something else is said: below XDG_CACHE_HOME or ~/.cache; empty: neither is known.
std::string default_plan_cache();

}  // namespace troupe::actors
