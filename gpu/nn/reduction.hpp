#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "gpu/device.hpp"
#include "gpu/dtype.hpp"
#include "gpu/nn/state_layout.hpp"
#include "gpu/tensor.hpp"
#include "runtime/base/shard_tree.hpp"

namespace troupe::gpu::nn {

/// Adds up the gradients and sums of a step's shards by the canonical tree (JOB-5): shards may finish in any
/// order, the bits are the same. What a shard makes possible is added in one pass, in place, so that 8 shards in
/// order move 15 times the gradient and not 21.
///
/// A shard's program writes into a set of buffers that acquire() hands out. Sets come from the allocator as they
/// are needed and are used again: log2(S) + 1 of them if shards run one after another, S at most besides those
/// that are out. Nothing is allocated once there are enough.
///
/// Used by one thread at a time. A set that complete() has freed may be handed out at once: who writes to it runs
/// on the same stream or waits for that one.
class ShardReduction {
 public:
  /// Bytes -> zeroed memory of the device's, aligned to `alignment_bytes`.
  using Allocate = std::function<std::shared_ptr<Storage>(std::size_t)>;

  /// Where one shard's gradients and sums lie; valid as long as the reduction.
  struct Buffers {
    std::span<std::byte* const> buckets;
    std::byte* sums = nullptr;
    std::uint32_t set = 0;
  };
  enum class Arrival {
    added,      ///< the shard was missing
    same,       ///< it was known, with the same bits
    different,  ///< it was known, with other bits: somebody's memory or arithmetic is broken
    dropped,    ///< it was known and is part of a sum by now, so that nothing could be compared
  };

  /// @throws Error bad_input unless 1 <= shards <= 2^24.
  ShardReduction(Device& device, const StateLayout& layout, std::uint32_t shards,
                 Allocate allocate);

  /// A set that nobody uses. Its contents are left over from earlier uses.
  Buffers acquire();
  /// Gives back a set whose shard will not be completed.
  void release(const Buffers& buffers);

  /// Takes the set back, filled with all of `shard`'s values, and enqueues the additions that have become
  /// possible. Only for a shard that came before does it wait for the stream, and only if it can compare.
  /// @throws Error bad_input for a shard that the job has not, bug for a set that is not out; nothing has
  /// changed then.
  Arrival complete(Stream& stream, std::uint32_t shard, const Buffers& buffers);

  /// The additions that a shard has made possible, not yet enqueued.
  struct Additions {
    std::vector<std::uint32_t> sets;  ///< the first becomes the sum
  };
  /// As complete(), but that the additions are the caller's to enqueue, part by part as they can be: each bucket of `layout`
  /// once, and the sums. The shard must be one that has not come. @throws Error as complete() does, and bug for one that has.
  Additions take(std::uint32_t shard, const Buffers& buffers);
  void add_bucket(Stream& stream, const Additions& additions, std::size_t bucket);
  void add_sums(Stream& stream, const Additions& additions);

  /// Whether all shards have come, and where their sum lies once the stream has passed, until clear().
  bool finished() const { return tree_.complete(); }
  /// @throws Error bug unless finished().
  Buffers result() const;
  /// Forgets the step. Sets that are out stay out.
  void clear();

  /// How many sets there are.
  std::size_t sets() const { return sets_.size(); }

 private:
  enum class Use : std::uint8_t { free, out, held };
  struct Set {
    std::shared_ptr<Storage> storage;
    std::vector<std::byte*> buckets;  // one block: the gradient in parameter order, then the sums
    std::byte* sums = nullptr;
    Use use = Use::free;
  };
  static constexpr std::uint32_t none = 0xFFFFFFFF;

  Buffers buffers_of(std::uint32_t set) const;
  void allocate_set();
  void set_free(std::uint32_t set);
  void check_out(const Buffers& buffers) const;
  void join(std::uint32_t shard, std::uint32_t set, std::span<const Addition> additions,
            std::vector<std::uint32_t>& chain);
  void add(Stream& stream, std::span<const std::uint32_t> terms);
  void add_part(Stream& stream, std::span<const std::uint32_t> terms, DType dtype,
                std::size_t offset_bytes, std::size_t elements);
  void add_sums(Stream& stream, std::span<const std::uint32_t> terms);
  Arrival compare(Stream& stream, std::uint32_t shard, std::uint32_t set) const;

  Device& device_;
  StateLayout layout_;
  Allocate allocate_;
  ShardTree tree_;
  std::vector<Set> sets_;
  std::vector<std::uint32_t> free_;  // the last one was used last, and is likely to be in a cache
  std::vector<std::uint32_t>
      held_;  // by a subtree's first shard: the set that holds its sum, or none
  std::vector<std::uint32_t> chain_;  // of the additions that are enqueued at once
};

}  // namespace troupe::gpu::nn
