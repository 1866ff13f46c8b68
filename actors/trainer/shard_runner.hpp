#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "actors/job/training_job.hpp"
#include "actors/trainer/shard_feed.hpp"
#include "actors/versions/version_slots.hpp"
#include "gpu/device.hpp"
#include "gpu/nn/plan.hpp"
#include "gpu/nn/reduction.hpp"
#include "runtime/base/canonical_tree.hpp"
#include "serialization/frame.hpp"

namespace troupe::actors {

/// The inputs of one shard: a block an input of the graph, 64-byte aligned, in host memory.
struct ShardInputs {
  std::vector<std::span<const std::byte>> inputs;
  ShardDigest digest;
};

/// Computes shards of a job: a plan with its buffers. Made and used on one thread (JOB-6).
class ShardRunner {
 public:
  /// @throws Error as TrainingJob's plan does.
  ShardRunner(std::shared_ptr<const TrainingJob> job, gpu::Device& device);

  /// The sum over the shards of a node of the canonical tree: one execution of the plan a shard, in order, added by the
  /// tree (JOB-2, JOB-5). A wire::PartialSum.
  /// @param shards  the inputs of each, in order
  /// @param version, state  what it is computed from, in the layout's order: that of the step, or one that is older by
  ///                        as much as the job allows
  serialization::Frame sum(std::uint64_t step, Subtree node, std::span<const ShardInputs> shards,
                           std::uint64_t version, std::span<const std::byte> state);

 private:
  gpu::nn::ShardReduction& reduction_for(std::uint32_t shards);
  void run(const gpu::StepState& step, const ShardInputs& inputs, const std::byte* version,
           const gpu::nn::ShardReduction::Buffers& buffers);

  std::shared_ptr<const TrainingJob> job_;
  gpu::Device& device_;
  gpu::nn::Plan plan_;
  std::unique_ptr<gpu::Stream> stream_;
  ShardFeed feed_;
  std::map<std::uint32_t, std::unique_ptr<gpu::nn::ShardReduction>>
      reductions_;  // by their number of shards
};

}  // namespace troupe::actors
