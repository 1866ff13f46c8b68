#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "actors/aggregator/step_sum.hpp"
#include "actors/aggregator/version_update.hpp"
#include "actors/job/training_job.hpp"
#include "actors/versions/version_slots.hpp"
#include "gpu/device.hpp"
#include "runtime/base/canonical_tree.hpp"
#include "serialization/frame.hpp"

namespace troupe::actors {

/// Turns partial sums into versions. Synchronous training adds up the step of the newest version; with a parameter
/// server sums of the next steps may come before their turn, computed from versions that are older by no more than the
/// job's staleness. They are applied in the order of steps in either case, so that which rows made which version, and
/// with it the ledger, is the same. For one thread.
class StepInFlight {
 public:
  /// @param memory  with the job's versions, once they are there; lives as long as `owner`
  StepInFlight(std::shared_ptr<const TrainingJob> job, std::span<std::byte> memory,
               std::shared_ptr<const void> owner, unsigned update_threads);

  struct Result {
    std::optional<std::uint64_t> newest;
    bool try_again = false;  ///< complete, but there is no room for the next version yet
    std::string corruption;  ///< two copies of a shard differ
    /// Of what was added: by how many versions that which it is computed from was older than the step.
    std::vector<std::uint64_t> ages;
  };

  /// @param frame  a wire::PartialSum; what is not wanted, or not any more, is dropped
  /// @throws MalformedFrame; Error as VersionUpdate::run.
  Result add(const serialization::Frame& frame);
  /// Tries again what there was no room for.
  Result finish();
  /// Nodes of the step that nobody has sent; none of another step or job.
  std::vector<Subtree> missing(std::uint64_t job, std::uint64_t step);

 private:
  bool look();
  void add_to_step(const serialization::Frame& frame, Result& result);
  void finish(Result& result);

  std::shared_ptr<const TrainingJob> job_;
  std::span<std::byte> memory_;
  std::shared_ptr<const void> owner_;
  std::unique_ptr<gpu::Device> device_;
  std::optional<VersionSlots> slots_;
  std::optional<std::uint64_t> step_;
  StepSum sum_;
  std::map<std::uint64_t, serialization::Frame> early_;  // sums of whole steps to come, by step
  VersionUpdate update_;
};

}  // namespace troupe::actors
