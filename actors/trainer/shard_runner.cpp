#include "actors/trainer/shard_runner.hpp"

#include <capnp/message.h>

#include <array>
#include <cstring>
#include <utility>

#include "actors/trainer/step_times.hpp"
#include "gpu/nn/step.hpp"
#include "runtime/base/error.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/schema/training.capnp.h"

namespace troupe::actors {

using namespace gpu;

namespace {

std::vector<std::size_t> bytes_of_inputs(const TrainingJob& job, const nn::Plan& plan) {
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
            {nn::Mode::train, job_->shard_rows(), job_->spec().threads_per_shard,
             job_->spec().precision}},
      stream_{device.make_stream()},
      feed_{device, bytes_of_inputs(*job_, plan_), job_->layout().slot_bytes} {}

nn::ShardReduction& ShardRunner::reduction_for(std::uint32_t shards) {
  auto& reduction = reductions_[shards];
  if (!reduction) {
    // Every node of a canonical tree is one itself, of as many leaves.
    reduction = std::make_unique<nn::ShardReduction>(
        device_, job_->layout(), shards,
        [this](std::size_t bytes) { return device_.allocate(bytes, "the sums of shards"); });
  }
  return *reduction;
}

ShardFeed::Run ShardRunner::bring(const StepState& step, const ShardInputs& inputs) {
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
  return feed_.next(*stream_, inputs.inputs, step);
}

ShardRunner::Feed ShardRunner::from_host(std::uint64_t step, Subtree node,
                                         std::span<const ShardInputs> shards) {
  if (shards.size() != node.count || node.count == 0)
    throw Error{ErrorCode::bug, "trainer: expected the inputs of each shard"};
  StepState state =
      nn::make_step_state(job_->spec().optimizer, job_->spec().schedule, job_->spec().seed, step);
  state.rows = job_->shard_rows();
  return [this, step, node, shards, state](std::uint32_t i) mutable {
    if (i > 0) step_was_read();
    state.position = job_->first_position(step, node.first + i);
    return bring(state, shards[i]);
  };
}

ShardRunner::Enqueued ShardRunner::enqueue(std::uint32_t shards, const std::byte* version,
                                           const Feed& feed, bool leaving, Stopwatch* stopwatch) {
  Enqueued result;
  nn::ShardReduction& reduction = reduction_for(shards);
  reduction.clear();
  for (std::uint32_t i = 0; i < shards; ++i) {
    const nn::ShardReduction::Buffers buffers = reduction.acquire();
    try {
      const ShardFeed::Run fed = feed(i);
      Bindings bindings;
      bindings.state = version;
      bindings.inputs = fed.rings;
      bindings.buckets = buffers.buckets;
      bindings.sums = buffers.sums;
      bindings.step = fed.step;
      bindings.stopwatch = stopwatch;
      plan_.run(*stream_, bindings);
      if (!stream_->recording()) ++runs_;
      result.step = fed.step;
    } catch (...) {
      reduction.release(buffers);
      throw;
    }
    if (leaving && i + 1 == shards) {
      result.additions = reduction.take(i, buffers);
    } else {
      reduction.complete(*stream_, i, buffers);
    }
  }
  result.sum = reduction.result();
  return result;
}

double ShardRunner::flops() const {
  double all = 0.0;
  for (const Instruction& instruction : plan_.instructions())
    all += nn::flops(instruction.operation);
  return all;
}

serialization::Frame ShardRunner::sum(std::uint64_t step, Subtree node,
                                      std::span<const ShardInputs> shards, std::uint64_t version,
                                      std::span<const std::byte> state, StepTimer* timer) {
  if (state.size() != job_->layout().slot_bytes)
    throw Error{ErrorCode::bug, "trainer: expected a whole version"};
  const std::byte* const there = feed_.version(*stream_, version, state);
  const bool leaving = !device_.host_accessible();
  const bool timed = timer != nullptr && timer->begin(node.count);
  const Feed feed = from_host(step, node, shards);
  const Enqueued enqueued = enqueue(node.count, there, timed ? timer->timed(*stream_, feed) : feed,
                                    leaving, timed ? timer->stopwatch() : nullptr);
  step_was_read();
  if (timed) timer->summed(*stream_);
  const nn::StateLayout& layout = job_->layout();
  const std::size_t gradient_bytes = layout.parameter_elements * sizeof(float);
  if (leaving) {
    if (!copies_) copies_ = std::make_unique<GradientCopies>(device_, layout);
    copies_->begin(plan_, runs_, reduction_for(node.count), enqueued.additions);
    if (timed) {
      timer->left(copies_->stream());
      copies_->stream().synchronize();
    }
  }
  serialization::FrameBuilder builder{std::array{gradient_bytes, layout.sums_bytes},
                                      256 + node.count * sizeof(ShardDigest)};
  if (leaving) {
    copies_->finish(builder.payload(0), builder.payload(1));
  } else {
    for (std::size_t i = 0; i < layout.buckets.size(); ++i) {
      const nn::Bucket& bucket = layout.buckets[i];
      stream_->copy(builder.payload(0).data() + bucket.begin * sizeof(float),
                    enqueued.sum.buckets[i], bucket.size_bytes());
    }
    stream_->copy(builder.payload(1).data(), enqueued.sum.sums, layout.sums_bytes);
    if (timed) timer->left(*stream_);
  }
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
