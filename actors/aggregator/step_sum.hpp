#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "actors/job/training_job.hpp"
#include "actors/versions/version_slots.hpp"
#include "gpu/device.hpp"
#include "runtime/base/canonical_tree.hpp"
#include "runtime/base/shard_tree.hpp"
#include "serialization/frame.hpp"

namespace troupe::actors {

/// One step's gradient as it grows: partial sums of nodes of the canonical tree arrive in any order, more than once, and
/// overlapping; the bits of the whole are the same (JOB-5). Memory of sums is used again in the next step. For one
/// thread.
class StepSum {
 public:
  enum class Arrival {
    added,      ///< it was missing
    same,       ///< it was known, with the same bits
    different,  ///< it was known, with other bits: somebody's memory or arithmetic is broken
    dropped,    ///< it was known or part of what is known, and could not be compared
  };

  StepSum(std::shared_ptr<const TrainingJob> job, gpu::Device& device);

  /// @param gradient, sums  the values, in memory that lives as long as `owner`
  /// @throws Error bad_input for a node that the tree has not, or values of another size.
  Arrival add(Subtree node, std::span<const std::byte> gradient, std::span<const std::byte> sums,
              serialization::Frame owner, std::span<const ShardDigest> digests);

  bool complete() const { return tree_.complete(); }
  /// The largest nodes of which nothing is known, from left to right.
  std::vector<Subtree> missing() const;

  /// Of the whole tree; only if complete().
  std::vector<const std::byte*> buckets() const;
  const std::byte* sums() const;
  double mean_loss() const;
  std::int64_t rows() const;
  std::span<const ShardDigest> digests() const { return digests_; }

  /// Forgets the step.
  void clear();

 private:
  struct Value {
    const std::byte* gradient = nullptr;
    const std::byte* sums = nullptr;
    serialization::Frame owner;        // of what arrived
    std::shared_ptr<std::byte> block;  // of what was added up here
  };
  using Key = std::uint64_t;
  static Key key(Subtree node) { return std::uint64_t{node.first} << 32U | node.count; }
  Value sum(const Value& left, const Value& right);
  void recycle(Value& value);
  const Value& whole() const;

  std::shared_ptr<const TrainingJob> job_;
  gpu::Device& device_;
  std::unique_ptr<gpu::Stream> stream_;
  ShardTree tree_;
  std::map<Key, Value> values_;  // of known nodes that are not part of a known one
  std::vector<ShardDigest> digests_;
  std::vector<std::shared_ptr<std::byte>> spare_;
};

}  // namespace troupe::actors
