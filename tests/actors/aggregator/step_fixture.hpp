#pragma once
// A small job, samples that are a function of their position, and its versions in memory.
#include <capnp/message.h>

#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "actors/aggregator/step_sum.hpp"
#include "actors/job/training_job.hpp"
#include "actors/trainer/shard_runner.hpp"
#include "actors/versions/version_slots.hpp"
#include "runtime/base/aligned_block.hpp"
#include "runtime/base/positions.hpp"
#include "runtime/base/random.hpp"
#include "serialization/frame.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/schema/training.capnp.h"

namespace troupe::actors::test_step {

inline constexpr std::int64_t width = 12;

/// @param train  more of its section "train", as JSON
inline std::shared_ptr<const TrainingJob> make_job(int shards, const std::string& train = "",
                                                   int units = 20) {
  return std::make_shared<TrainingJob>(
      training_job_text(5, 1000, gpu::Shape{width}, 3,
                        R"([{"dense":{"units":")" + std::to_string(units) +
                            R"("}},"batch_norm","relu",{"dense":{"units":"3"}}])",
                        R"({"steps":"6","batch":"48","shards":")" + std::to_string(shards) +
                            R"(","clip_norm":"1")" + train + "}"));
}

/// Samples that are a function of their position.
inline void fill(PositionRange positions, std::span<std::byte* const> inputs) {
  auto* features = reinterpret_cast<float*>(inputs[0]);
  auto* labels = reinterpret_cast<std::int32_t*>(inputs[1]);
  for (std::uint64_t p = positions.first; p < positions.last; ++p) {
    const Draws draws{99, p, Purpose::augment, 0};
    for (std::int64_t i = 0; i < width; ++i)
      *features++ = draws.uniform(static_cast<std::uint64_t>(i)) - 0.5F;
    *labels++ = static_cast<std::int32_t>(draws.bits(100) % 3);
  }
}

struct Batch {
  std::shared_ptr<std::byte> features, labels;
  ShardInputs inputs;
};
inline Batch batch(const TrainingJob& job, std::uint64_t step, std::uint32_t shard) {
  const std::uint64_t first = job.first_position(step, shard), rows = job.shard_rows();
  Batch result{aligned_block(rows * width * 4), aligned_block(rows * 4), {}};
  const std::array<std::byte*, 2> to{result.features.get(), result.labels.get()};
  fill({first, first + rows}, to);
  result.inputs.inputs = {{to[0], rows * width * 4}, {to[1], rows * 4}};
  std::memcpy(result.inputs.digest.data(), &first, sizeof first);
  return result;
}

/// @param version, state  what it is computed from
inline serialization::Frame compute(ShardRunner& runner, const TrainingJob& job, std::uint64_t step,
                                    Subtree node, std::uint64_t version,
                                    std::span<const std::byte> state, StepTimer* timer = nullptr) {
  std::vector<Batch> batches;
  std::vector<ShardInputs> inputs;
  for (std::uint32_t s = node.first; s < node.first + node.count; ++s) {
    batches.push_back(batch(job, step, s));
    inputs.push_back(batches.back().inputs);
  }
  return runner.sum(step, node, inputs, version, state, timer);
}

/// Takes a wire::PartialSum into a step's sum.
inline StepSum::Arrival add(StepSum& sum, const serialization::Frame& frame) {
  StepSum::Arrival arrival{};
  serialization::read_head<wire::PartialSum>(frame, [&](wire::PartialSum::Reader head) {
    std::vector<ShardDigest> digests(head.getCount());
    std::memcpy(digests.data(), head.getDigests().begin(), head.getDigests().size());
    arrival = sum.add({head.getFirst(), head.getCount()}, frame.payload(0), frame.payload(1), frame,
                      digests);
  });
  return arrival;
}

struct Versions {
  explicit Versions(const TrainingJob& job)
      : size{VersionSlots::size_bytes(job.layout().slot_bytes, job.shards())},
        memory{aligned_block(size)},
        slots{
            VersionSlots::make({zeroed(), size}, job.id(), job.layout().slot_bytes, job.shards())} {
    auto writing = slots.begin_write();
    job.graph().initialise(job.layout(), job.spec().seed, writing->state());
    slots.commit(*std::move(writing), 0, false);
  }
  /// As memory that is shared begins.
  std::byte* zeroed() const {
    std::memset(memory.get(), 0, size);
    return memory.get();
  }
  std::size_t size;
  std::shared_ptr<std::byte> memory;
  VersionSlots slots;
};

}  // namespace troupe::actors::test_step
