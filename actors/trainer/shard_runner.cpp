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

ShardRunner::ShardRunner(std::shared_ptr<const TrainingJob> job, Device& device)
    : job_{std::move(job)},
      device_{device},
      plan_{job_->graph(),
            job_->layout(),
            device,
            {nn::Mode::train, job_->shard_rows(), job_->spec().threads_per_shard}},
      stream_{device.make_stream()},
      device_step_{device.allocate(sizeof(StepState))},
      rings_(job_->graph().inputs().size()) {
  if (!device.host_accessible())
    throw Error{ErrorCode::unsupported,
                "trainer: expected a device whose memory the host can read"};
}

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

void ShardRunner::run(const StepState& state, const ShardInputs& inputs,
                      std::span<const std::byte> version,
                      const nn::ShardReduction::Buffers& buffers) {
  if (inputs.inputs.size() != rings_.size())
    throw Error{ErrorCode::bad_input, "trainer: expected " + std::to_string(rings_.size()) +
                                          " inputs a shard, got " +
                                          std::to_string(inputs.inputs.size())};
  for (std::size_t i = 0; i < rings_.size(); ++i) {
    const std::size_t wanted = plan_.input_bytes(i);
    if (inputs.inputs[i].size() != wanted)
      throw Error{ErrorCode::bad_input, "trainer: input '" + job_->graph().inputs()[i].name +
                                            "' of a shard: expected " + std::to_string(wanted) +
                                            " bytes, got " +
                                            std::to_string(inputs.inputs[i].size())};
    rings_[i] = {inputs.inputs[i].data(), wanted};
  }
  stream_->copy(device_step_->data(), reinterpret_cast<const std::byte*>(&state), sizeof state);
  Bindings bindings;
  bindings.state = version.data();
  bindings.inputs = rings_;
  bindings.buckets = buffers.buckets;
  bindings.sums = buffers.sums;
  bindings.step = reinterpret_cast<const StepState*>(device_step_->data());
  plan_.run(*stream_, bindings);
}

serialization::Frame ShardRunner::sum(std::uint64_t step, Subtree node,
                                      std::span<const ShardInputs> shards, std::uint64_t version,
                                      std::span<const std::byte> state) {
  if (shards.size() != node.count || state.size() != job_->layout().slot_bytes)
    throw Error{ErrorCode::bug, "trainer: expected the inputs of each shard and a whole version"};
  StepState step_state =
      nn::make_step_state(job_->spec().optimizer, job_->spec().schedule, job_->spec().seed, step);
  step_state.rows = job_->shard_rows();
  nn::ShardReduction& reduction = reduction_for(node.count);
  reduction.clear();
  for (std::uint32_t i = 0; i < node.count; ++i) {
    step_state.position = job_->first_position(step, node.first + i);
    const nn::ShardReduction::Buffers buffers = reduction.acquire();
    try {
      run(step_state, shards[i], state, buffers);
    } catch (...) {
      reduction.release(buffers);
      throw;
    }
    reduction.complete(*stream_, i, buffers);
  }
  stream_->synchronize();

  const nn::ShardReduction::Buffers sum = reduction.result();
  const nn::StateLayout& layout = job_->layout();
  const std::size_t gradient_bytes = layout.parameter_elements * sizeof(float);
  serialization::FrameBuilder builder{std::array{gradient_bytes, layout.sums_bytes},
                                      256 + node.count * sizeof(ShardDigest)};
  for (std::size_t i = 0; i < layout.buckets.size(); ++i) {
    const nn::Bucket& bucket = layout.buckets[i];
    std::memcpy(builder.payload(0).data() + bucket.begin * sizeof(float), sum.buckets[i],
                bucket.size_bytes());
  }
  std::memcpy(builder.payload(1).data(), sum.sums, layout.sums_bytes);
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
