#include "actors/trainer/shard_feed.hpp"

#include <cstring>
#include <utility>

namespace troupe::actors {

using namespace gpu;

namespace {

std::size_t aligned(std::size_t bytes) {
  return (bytes + alignment_bytes - 1) / alignment_bytes * alignment_bytes;
}

}  // namespace

ShardFeed::ShardFeed(Device& device, std::vector<std::size_t> input_bytes, std::size_t state_bytes)
    : device_{device},
      input_bytes_{std::move(input_bytes)},
      state_bytes_{state_bytes},
      copies_{device.make_stream()} {
  std::size_t end = 0;
  for (const std::size_t bytes : input_bytes_) {
    offsets_.push_back(end);
    if (!device.host_accessible()) end += aligned(bytes);
  }
  offsets_.push_back(end);
  end += sizeof(StepState);
  for (Set& set : sets_) {
    set.there = device.allocate(end, "the inputs of a shard");
    set.staging = device.host_accessible() ? set.there
                                           : device.allocate_staging(end, "the inputs of a shard");
    set.copied = device.make_event();
    set.read = device.make_event();
    for (std::size_t i = 0; i < input_bytes_.size(); ++i) {
      set.rings.push_back({set.there->data() + offsets_[i], input_bytes_[i]});
    }
  }
  if (!device.host_accessible())
    state_ = device.allocate(state_bytes, "a version of the parameters");
}

ShardFeed::~ShardFeed() {
  try {
    copies_->synchronize();
    for (const Set& set : sets_) set.read->wait(set.reads);
  } catch (...) {  // the device is gone, and reads nothing
  }
}

const std::byte* ShardFeed::version(Stream& stream, std::uint64_t version,
                                    std::span<const std::byte> state) {
  if (device_.host_accessible()) return state.data();
  if (known_ != version) {
    known_.reset();
    // In the stream of those who read it: what still reads the version before comes first.
    stream.copy(state_->data(), state.data(), state_bytes_);
    known_ = version;
  }
  return state_->data();
}

ShardFeed::Run ShardFeed::next(Stream& stream, std::span<const std::span<const std::byte>> inputs,
                               const StepState& step) {
  current_ = 1 - current_;
  Set& set = sets_[current_];
  if (!device_.host_accessible()) {
    set.copied->wait(set.copies);
    set.read->wait(set.reads);
  }
  const std::size_t step_offset = offsets_.back();
  std::memcpy(set.staging->data() + step_offset, &step, sizeof step);
  if (device_.host_accessible()) {
    for (std::size_t i = 0; i < inputs.size(); ++i) set.rings[i].data = inputs[i].data();
  } else {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      std::memcpy(set.staging->data() + offsets_[i], inputs[i].data(), input_bytes_[i]);
    }
    copies_->copy(set.there->data(), set.staging->data(), step_offset + sizeof step);
    copies_->record(*set.copied);
    stream.wait(*set.copied, ++set.copies);
  }
  return {set.rings, reinterpret_cast<const StepState*>(set.there->data() + step_offset)};
}

void ShardFeed::enqueued(Stream& stream) {
  Set& set = sets_[current_];
  stream.record(*set.read);
  ++set.reads;
}

}  // namespace troupe::actors
