#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "actors/job/spec_reader.hpp"
#include "gpu/dtype.hpp"
#include "gpu/nn/local_job.hpp"
#include "gpu/nn/optimizer.hpp"
#include "gpu/nn/schedule.hpp"
#include "runtime/base/positions.hpp"

/// The `train` section of a job:
///
///     train:
///       epochs: 10              # or steps: 4000
///       batch: 128
///       shards: 8               # default: JOB-2
///       optimizer: {adam: {weight_decay: 1e-4}}
///       learning_rate: 4e-3
///       schedule: cosine        # constant, {step: {every: 1000, factor: 0.1}}, {cosine: {final: 1e-5}}
///       warmup_steps: 100
///       clip_norm: 1
///       aggregate: allreduce    # or {parameter_server: {staleness: 4}}, which is exempt from the same bits (JOB-9)
///       checkpoint_every: 500   # steps; default: an epoch
///       micro_batches: auto     # more shards where a device has no memory for these, settled before step 0
///       device: cuda            # or cpu, the default; auto: a GPU where there is one, decided before step 0 (JOB-6)
///       precision: bf16         # or f32, the default; on a GPU
///       tf32: true              # f32 products may be rounded on a GPU's tensor cores
///       deterministic: false    # a GPU may use algorithms that do not repeat their bits (JOB-9)
namespace troupe::actors {

enum class CourseKind : std::uint8_t { constant, step, cosine };
enum class DeviceKind : std::uint8_t {
  cpu,
  cuda,
  automatic  ///< cuda where it can be had, else cpu
};

/// What the section says; what depends on the data (how many steps an epoch has) is resolved by resolve().
struct TrainSpec {
  std::int64_t epochs = 1;  ///< 0 if `steps` are given
  std::uint64_t steps = 0;  ///< 0 if epochs are given
  std::int64_t batch = 128;
  std::uint32_t shards = 0;  ///< 0: the default of JOB-2
  gpu::nn::OptimizerSpec optimizer = {gpu::nn::Adam{}, {}};
  double learning_rate = 1e-3;
  CourseKind course = CourseKind::cosine;
  std::uint64_t step_every = 0;  ///< of a step course
  double step_factor = 0.1;
  double final_rate = 0.0;  ///< of a cosine course
  std::uint64_t warmup_steps = 0;
  int threads_per_shard = 1;
  /// A step's gradient may be that of a version so many steps older than the one it changes (Downpour SGD; Dean et al.,
  /// NIPS 2012, section 4.1; bounded as by Ho et al., NIPS 2013). 0: of that version alone, which is synchronous training.
  /// The bits then depend on the trainers' timing (JOB-9); which rows a step is computed of does not.
  std::uint64_t staleness = 0;
  std::uint64_t checkpoint_every = 0;  ///< steps; 0: an epoch
  /// Versions of which steps are evaluated, and so are saved too; 0: those that are saved anyway.
  std::uint64_t evaluate_every = 0;
  bool more_shards = false;  ///< `micro_batches: auto`: where a device has no memory for these
  DeviceKind device = DeviceKind::cpu;
  gpu::DType precision = gpu::DType::f32;  ///< of what flows between layers
  bool tf32 = false;                       ///< on a GPU
  bool deterministic = true;
};

TrainSpec read_train(SpecReader& section);

/// What of it is exempt from the same bits (JOB-9), a line each.
std::vector<std::string> exempt_modes(const TrainSpec& spec);

/// More would not leave the versions that trainers read enough slots.
constexpr std::uint64_t most_staleness = 8;

/// Rows of one shard (JOB-2).
std::int64_t shard_rows(const TrainSpec& spec);

/// The number of steps of a job over `samples` training records: all full batches of its epochs (JOB-1).
/// @throws Error bad_input if that is less than one.
std::uint64_t total_steps(const TrainSpec& spec, std::uint64_t samples);

/// The positions that no step of it consumes: the last ones of its epochs, fewer than a batch (JOB-1).
PositionRange unused_positions(const TrainSpec& spec, std::uint64_t samples);

/// What fixes the job's bits, as the compute core wants it. @throws Error bad_input as its checks do.
gpu::nn::JobSpec resolve(const TrainSpec& spec, std::uint64_t seed, std::uint64_t samples);

/// Whether a version is saved: the last, those after every `checkpoint_every` steps, or at the end of each epoch, and
/// those that are evaluated.
bool is_checkpoint(const TrainSpec& spec, std::uint64_t samples, std::uint64_t version);
/// Whether a saved version is evaluated.
bool is_evaluated(const TrainSpec& spec, std::uint64_t samples, std::uint64_t version);

}  // namespace troupe::actors
