#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "gpu/device.hpp"
#include "gpu/nn/graph.hpp"
#include "gpu/nn/optimizer.hpp"
#include "gpu/nn/plan.hpp"
#include "gpu/nn/reduction.hpp"
#include "gpu/nn/schedule.hpp"
#include "gpu/nn/state_layout.hpp"
#include "runtime/base/positions.hpp"

namespace troupe::gpu::nn {

/// What fixes a job's bits beside the model and the data (architecture, section 1).
struct JobSpec {
  std::uint64_t seed = 0;
  std::int64_t batch = 128;
  std::uint32_t shards = 0;  ///< 0: the default of JOB-2
  OptimizerSpec optimizer;
  Schedule schedule;
  int threads_per_shard = 1;
  DType precision = DType::f32;  ///< of what flows between layers (PlanOptions)
  std::size_t bucket_bytes = 4U << 20U;
};

/// Writes the samples of some positions into host memory, one block an input of the graph, row after row. A pure
/// function of the positions: whoever asks, and however often, gets the same bytes (JOB-1).
using BatchSource =
    std::function<void(PositionRange positions, std::span<std::byte* const> inputs)>;

/// A whole job on one thread, without an actor: the pure function that actors only share out. What it computes is
/// what every other way of running the job is compared with.
class LocalJob {
 public:
  struct StepResult {
    double loss = 0.0;      ///< mean over the rows that counted
    std::int64_t rows = 0;  ///< that counted
  };

  /// @throws Error bad_input if the spec is out of range, or as Plan does.
  LocalJob(const Graph& graph, Device& device, const JobSpec& spec);

  /// Shards one after another, their sums by the tree, one update into the other slot. @throws Error bad_input
  /// naming step and parameter if the loss or a gradient is not finite; the state is then as before.
  StepResult step(const BatchSource& source);

  /// The step that comes next, from 0: also the number of the version that `state` holds.
  std::uint64_t next_step() const { return next_step_; }
  /// The newest version, in the layout's order. In the device's memory.
  std::span<const std::byte> state() const { return {slots_[newest_]->data(), layout_.slot_bytes}; }
  /// The same, copied to host memory of its size.
  void read_state(std::span<std::byte> to);
  /// Goes on from a version that was saved. @throws Error bad_input if its size is not the layout's.
  void restore(std::uint64_t next_step, std::span<const std::byte> state);

  const StateLayout& layout() const { return layout_; }
  const JobSpec& spec() const { return spec_; }
  const Plan& plan() const { return plan_; }

 private:
  void run_shard(const BatchSource& source, const StepState& step, std::uint32_t shard);

  JobSpec spec_;
  StateLayout layout_;
  Plan plan_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Updater> updater_;
  ShardReduction reduction_;
  std::shared_ptr<Storage> slots_[2];
  int newest_ = 0;
  std::uint64_t next_step_ = 0;
  std::vector<std::shared_ptr<Storage>> staging_;  // what the source fills, by input
  std::vector<std::byte*> staging_pointers_;
  std::vector<std::shared_ptr<Storage>> batch_;  // one slot an input, in the device's memory
  std::vector<BatchRing> rings_;
  std::shared_ptr<Storage> device_step_;
};

}  // namespace troupe::gpu::nn
