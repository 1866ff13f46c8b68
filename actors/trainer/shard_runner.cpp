#include "actors/trainer/shard_runner.hpp"

#include <capnp/message.h>

#include <array>
#include <cstring>
#include <utility>

#include "gpu/nn/step.hpp"
#include "runtime/base/error.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/schema/training.capnp.h"

namespace troupe::actors {

using namespace gpu;

namespace {

std::vector<std::size_t> input_bytes(const TrainingJob& job, const nn::Plan& plan) {
  std::vector<std::size_t> bytes;
  for (std::size_t i = 0; i < job.graph().inputs().size(); ++i)
    bytes.push_back(plan.input_bytes(i));
  return bytes;
}

}  // namespace

ShardRunner::ShardRunner(std::shared_ptr<const TrainingJob> job, Device& device)
    : job_{std::move(job)},
      device_{device},
      plan_{job_->graph(),
            job_->layout(),
            device,
            {nn::Mode::train, job_->shard_rows(), job_->spec().threads_per_shard}},
      stream_{device.make_stream()},
      feed_{device, input_bytes(*job_, plan_), job_->layout().slot_bytes} {}

nn::ShardReduction& ShardRunner::reduction_for(std::uint32_t shards) {
  auto& reduction = reductions_[shards];
  if (!reduction) {
    // Every node of a canonical tree is one itself, of as many leaves.
    reduction = std::make_unique<nn::ShardReduction>(
        device_, job_->layout(), shards,
        [this](std::size_t bytes) { return device_.allocate(bytes); });
  }
  return *reduction;
}

void ShardRunner::run(const StepState& step, const ShardInputs& inputs, const std::byte* version,
                      const nn::ShardReduction::Buffers& buffers) {
  const auto wanted = job_->graph().inputs();
  if (inputs.inputs.size() != wanted.size())
    throw Error{ErrorCode::bad_input, "trainer: expected " + std::to_string(wanted.size()) +
                                          " inputs a shard, got " +
                                          std::to_string(inputs.inputs.size())};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (inputs.inputs[i].size() != plan_.input_bytes(i))
      throw Error{ErrorCode::bad_input, "trainer: input '" + wanted[i].name +
                                            "' of a shard: expected " +
                                            std::to_string(plan_.input_bytes(i)) + " bytes, got " +
                                            std::to_string(inputs.inputs[i].size())};
  }
  const ShardFeed::Run fed = feed_.next(*stream_, inputs.inputs, step);
  Bindings bindings;
  bindings.state = version;
  bindings.inputs = fed.rings;
  bindings.buckets = buffers.buckets;
  bindings.sums = buffers.sums;
  bindings.step = fed.step;
  plan_.run(*stream_, bindings);
  feed_.enqueued(*stream_);
}

serialization::Frame ShardRunner::sum(std::uint64_t step, Subtree node,
                                      std::span<const ShardInputs> shards, std::uint64_t version,
                                      std::span<const std::byte> state) {
  if (shards.size() != node.count || state.size() != job_->layout().slot_bytes)
    throw Error{ErrorCode::bug, "trainer: expected the inputs of each shard and a whole version"};
  StepState step_state =
      nn::make_step_state(job_->spec().optimizer, job_->spec().schedule, job_->spec().seed, step);
  step_state.rows = job_->shard_rows();
  const std::byte* const there = feed_.version(*stream_, version, state);
  nn::ShardReduction& reduction = reduction_for(node.count);
  reduction.clear();
  for (std::uint32_t i = 0; i < node.count; ++i) {
    step_state.position = job_->first_position(step, node.first + i);
    const nn::ShardReduction::Buffers buffers = reduction.acquire();
    try {
      run(step_state, shards[i], there, buffers);
    } catch (...) {
      reduction.release(buffers);
      throw;
    }
    reduction.complete(*stream_, i, buffers);
  }

  const nn::ShardReduction::Buffers sum = reduction.result();
  const nn::StateLayout& layout = job_->layout();
  const std::size_t gradient_bytes = layout.parameter_elements * sizeof(float);
  serialization::FrameBuilder builder{std::array{gradient_bytes, layout.sums_bytes},
                                      256 + node.count * sizeof(ShardDigest)};
  for (std::size_t i = 0; i < layout.buckets.size(); ++i) {
    const nn::Bucket& bucket = layout.buckets[i];
    stream_->copy(builder.payload(0).data() + bucket.begin * sizeof(float), sum.buckets[i],
                  bucket.size_bytes());
  }
  stream_->copy(builder.payload(1).data(), sum.sums, layout.sums_bytes);
  stream_->synchronize();
  capnp::MallocMessageBuilder message;
  auto head = message.initRoot<wire::PartialSum>();
  head.setJob(job_->id());
  head.setStep(step);
  head.setFirst(node.first);
  head.setCount(node.count);
  head.setVersion(version);
  auto digests = head.initDigests(static_cast<unsigned>(node.count * sizeof(ShardDigest)));
  for (std::uint32_t i = 0; i < node.count; ++i)
    std::memcpy(digests.begin() + i * sizeof(ShardDigest), shards[i].digest.data(),
                sizeof(ShardDigest));
  return serialization::seal(builder, message);
}

}  // namespace troupe::actors
