#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/job/training_job.hpp"
#include "actors/trainer/shard_runner.hpp"
#include "runtime/actor/ref.hpp"
#include "runtime/base/canonical_tree.hpp"
#include "serialization/frame.hpp"

namespace troupe::runtime {
class Context;
}

namespace troupe::actors {

/// What is summed up and sent as one: shards of a step that are a node of the canonical tree.
struct StepPart {
  std::uint64_t step = 0;
  Subtree node;
  friend bool operator<(const StepPart& a, const StepPart& b);
};

/// The inputs of shards, asked of the job's loaders ahead of their use and again as long as they do not come. A member of
/// its actor.
class ShardBatches {
 public:
  /// @param on_arrival  called when inputs have come
  ShardBatches(runtime::Context& context, std::function<void()> on_arrival);

  /// Forgets all, and asks for shards of this job from now on; null: of none.
  void begin(std::shared_ptr<const TrainingJob> job);
  /// Those who are asked, in turn. Without one nothing is.
  void set_loaders(const std::vector<std::string>& paths);
  bool has_loaders() const { return !loaders_.empty(); }

  /// Asks for what is not here yet.
  void want(const StepPart& part);
  void forget_before(std::uint64_t step);

  bool ready(const StepPart& part) const;
  struct Inputs {
    std::vector<ShardInputs> shards;           ///< of each shard, in order
    std::vector<serialization::Frame> owners;  ///< of their memory
  };
  /// Only if ready().
  Inputs inputs(const StepPart& part) const;

 private:
  /// A shard's inputs, from when they are asked for.
  struct Batch {
    bool here = false;
    serialization::Frame frame;  // owns the inputs
    ShardInputs inputs;
  };
  static void take(Batch& batch, const serialization::Frame& frame, std::uint64_t position);
  void load(std::uint64_t step, std::uint32_t shard);
  void load_again(std::uint64_t step, std::uint32_t shard);

  runtime::Context& context_;
  std::function<void()> on_arrival_;
  std::shared_ptr<const TrainingJob> job_;
  std::vector<runtime::Ref> loaders_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, Batch> batches_;  // by step and shard
};

}  // namespace troupe::actors
