#include "gpu/nn/reduction.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "gpu/dtype.hpp"
#include "runtime/base/canonical_tree.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu::nn {
namespace {

constexpr std::size_t most_terms =
    32;  // of a chain: one a level of a tree over 2^24 leaves, and a leaf

}  // namespace

ShardReduction::ShardReduction(Device& device, const StateLayout& layout, std::uint32_t shards,
                               Allocate allocate)
    : device_{device},
      layout_{layout},
      allocate_{std::move(allocate)},
      tree_{shards},
      held_(shards, none) {
  chain_.reserve(most_terms);
}

ShardReduction::Buffers ShardReduction::acquire() {
  if (free_.empty()) allocate_set();
  const std::uint32_t set = free_.back();
  free_.pop_back();
  sets_[set].use = Use::out;
  return buffers_of(set);
}

void ShardReduction::release(const Buffers& buffers) {
  check_out(buffers);
  set_free(buffers.set);
}

ShardReduction::Arrival ShardReduction::complete(Stream& stream, std::uint32_t shard,
                                                 const Buffers& buffers) {
  check_out(buffers);
  const ShardTree::Outcome outcome = tree_.add({shard, 1});
  if (outcome.arrival != ShardTree::Arrival::fresh) {
    const Arrival arrival = compare(stream, shard, buffers.set);
    set_free(buffers.set);
    return arrival;
  }
  join(shard, buffers.set, outcome.additions, chain_);
  if (chain_.size() > 1) add(stream, chain_);
  return Arrival::added;
}

ShardReduction::Additions ShardReduction::take(std::uint32_t shard, const Buffers& buffers) {
  check_out(buffers);
  const ShardTree::Outcome outcome = tree_.add({shard, 1});
  if (outcome.arrival != ShardTree::Arrival::fresh)
    throw Error{ErrorCode::bug, "reduction: expected a shard that has not come, got shard " +
                                    std::to_string(shard)};
  Additions additions;
  join(shard, buffers.set, outcome.additions, additions.sets);
  return additions;
}

/// Each addition joins a sum that has waited to the one before it. Which of the two is the left one does not matter to the
/// bits, so all of them are one chain, the latest sum first.
void ShardReduction::join(std::uint32_t shard, std::uint32_t set,
                          std::span<const Addition> additions, std::vector<std::uint32_t>& chain) {
  sets_[set].use = Use::held;
  chain.assign(additions.size() + 1, none);
  std::size_t at = chain.size();
  chain[--at] = set;
  held_[shard] = none;
  std::uint32_t joined = shard;
  for (const Addition& addition : additions) {
    const std::uint32_t left = addition.left.first, right = addition.right.first;
    chain[--at] = std::exchange(held_[joined == left ? right : left], none);
    joined = left;
  }
  held_[joined] = chain.front();
  for (const std::uint32_t freed : std::span{chain}.subspan(1)) set_free(freed);
}

void ShardReduction::add_bucket(Stream& stream, const Additions& additions, std::size_t bucket) {
  const Bucket& part = layout_.buckets[bucket];
  add_part(stream, additions.sets, DType::f32, part.begin * sizeof(float), part.end - part.begin);
}

void ShardReduction::add_sums(Stream& stream, const Additions& additions) {
  add_sums(stream, additions.sets);
}

ShardReduction::Buffers ShardReduction::result() const {
  if (!finished()) {
    throw Error{ErrorCode::bug, "reduction: expected all shards before the result, got fewer"};
  }
  return buffers_of(held_[0]);
}

void ShardReduction::clear() {
  tree_.clear();
  for (std::uint32_t& set : held_) {
    if (set != none) set_free(std::exchange(set, none));
  }
}

ShardReduction::Buffers ShardReduction::buffers_of(std::uint32_t set) const {
  return {sets_[set].buckets, sets_[set].sums, set};
}

void ShardReduction::allocate_set() {
  const std::size_t gradient_bytes = layout_.parameter_elements * sizeof(float);
  free_.reserve(sets_.size() + 1);
  Set set;
  set.storage = allocate_(gradient_bytes + layout_.sums_bytes);
  for (const Bucket& bucket : layout_.buckets) {
    set.buckets.push_back(set.storage->data() + bucket.begin * sizeof(float));
  }
  set.sums = set.storage->data() + gradient_bytes;
  sets_.push_back(std::move(set));
  free_.push_back(static_cast<std::uint32_t>(sets_.size() - 1));
}

void ShardReduction::set_free(std::uint32_t set) {
  sets_[set].use = Use::free;
  free_.push_back(set);
}

void ShardReduction::check_out(const Buffers& buffers) const {
  if (buffers.set < sets_.size() && sets_[buffers.set].use == Use::out) return;
  throw Error{ErrorCode::bug, "reduction: expected a set that was acquired, got set " +
                                  std::to_string(buffers.set) + " of " +
                                  std::to_string(sets_.size())};
}

/// The first of `terms` becomes the sum.
void ShardReduction::add(Stream& stream, std::span<const std::uint32_t> terms) {
  add_part(stream, terms, DType::f32, 0, layout_.parameter_elements);
  add_sums(stream, terms);
}

void ShardReduction::add_sums(Stream& stream, std::span<const std::uint32_t> terms) {
  const std::size_t sums = layout_.parameter_elements * sizeof(float);
  add_part(stream, terms, DType::f64, sums + StateLayout::loss_offset_bytes, 1);
  add_part(stream, terms, DType::i64, sums + StateLayout::rows_offset_bytes, 1);
  add_part(stream, terms, DType::f64, sums + StateLayout::moments_begin_bytes,
           (layout_.sums_bytes - StateLayout::moments_begin_bytes) / sizeof(double));
}

void ShardReduction::add_part(Stream& stream, std::span<const std::uint32_t> terms, DType dtype,
                              std::size_t offset_bytes, std::size_t elements) {
  if (elements == 0 || terms.size() < 2) return;
  std::array<const std::byte*, most_terms> pointers;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    pointers[i] = sets_[terms[i]].storage->data() + offset_bytes;
  }
  device_.add_chain(stream, dtype, std::span{pointers}.first(terms.size()),
                    sets_[terms.front()].storage->data() + offset_bytes, elements);
}

ShardReduction::Arrival ShardReduction::compare(Stream& stream, std::uint32_t shard,
                                                std::uint32_t set) const {
  const bool alone = tree_.leaves() == 1;
  if (!alone && tree_.known(parent({shard, 1}, tree_.leaves()))) return Arrival::dropped;
  const Storage& first = *sets_[held_[shard]].storage;
  const Storage& second = *sets_[set].storage;
  std::vector<std::byte> ours(first.size_bytes()), theirs(first.size_bytes());
  stream.copy(ours.data(), first.data(), ours.size());
  stream.copy(theirs.data(), second.data(), theirs.size());
  stream.synchronize();
  return ours == theirs ? Arrival::same : Arrival::different;
}

}  // namespace troupe::gpu::nn
