#pragma once

#include <memory>
#include <string>

#include "actors/job/gpu_options.hpp"
#include "actors/report/machine_file.hpp"
#include "serialization/xxh3.hpp"

namespace troupe::gpu {
class Device;
}

namespace troupe::actors {

class TrainingJob;

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

}  // namespace troupe::actors
