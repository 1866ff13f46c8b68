#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "gpu/device.hpp"
#include "gpu/step_state.hpp"

namespace troupe::actors {

/// Brings what the runs of a plan read to where the device can read it: the version, and for each run its inputs and
/// StepState. Where the device reads the host's memory that is where they lie. Elsewhere inputs go through staging
/// memory, two runs' worth, by a stream of their own: they are copied while the run before computes. Used by one thread.
class ShardFeed {
 public:
  /// @param input_bytes  of a run's inputs, in the order of the graph
  ShardFeed(gpu::Device& device, std::vector<std::size_t> input_bytes, std::size_t state_bytes);
  /// Blocks until the device reads nothing any more.
  ~ShardFeed();
  ShardFeed(const ShardFeed&) = delete;
  ShardFeed& operator=(const ShardFeed&) = delete;

  /// Where the device finds that version, which is copied once. `state` stays as it is until `stream` has passed.
  const std::byte* version(gpu::Stream& stream, std::uint64_t version,
                           std::span<const std::byte> state);

  struct Run {
    std::span<const gpu::BatchRing> rings;
    const gpu::StepState* step;
  };
  /// What is enqueued on `stream` from now on finds a run's inputs and step there, until the next call. `inputs` are as
  /// large as said; where the host's memory is read they stay as they are until the stream has passed.
  Run next(gpu::Stream& stream, std::span<const std::span<const std::byte>> inputs,
           const gpu::StepState& step);
  /// The run that reads them was enqueued on `stream`.
  void enqueued(gpu::Stream& stream);

 private:
  /// A run's inputs, one after another, and its StepState.
  struct Set {
    std::shared_ptr<gpu::Storage> staging,
        there;  ///< both the same where the host's memory is read
    std::vector<gpu::BatchRing> rings;
    std::unique_ptr<gpu::Event> copied, read;
    std::uint64_t copies = 0, reads = 0;  ///< that were enqueued
  };

  gpu::Device& device_;
  std::vector<std::size_t> input_bytes_;
  std::size_t state_bytes_;
  std::vector<std::size_t> offsets_;  ///< by input, in a set; then that of the StepState
  std::array<Set, 2> sets_;
  std::size_t current_ = 0;
  std::unique_ptr<gpu::Stream> copies_;
  std::shared_ptr<gpu::Storage> state_;  ///< of `known_`
  std::optional<std::uint64_t> known_;
};

}  // namespace troupe::actors
