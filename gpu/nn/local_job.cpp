#include "gpu/nn/local_job.hpp"

#include <cstring>

#include "gpu/nn/step.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu::nn {
namespace {

JobSpec checked(JobSpec spec) {
  check(spec.optimizer);
  check(spec.schedule);
  if (spec.shards == 0) spec.shards = default_shards(spec.batch);
  if (spec.batch < 1 || spec.batch % spec.shards != 0) {
    throw Error{ErrorCode::bad_input, "job: expected shards that divide the batch of " +
                                          std::to_string(spec.batch) + ", got " +
                                          std::to_string(spec.shards)};
  }
  return spec;
}

/// A set of buffers that goes back unless its shard is completed.
class Acquired {
 public:
  explicit Acquired(ShardReduction& reduction)
      : reduction_{reduction}, buffers_{reduction.acquire()} {}
  ~Acquired() {
    if (out_) reduction_.release(buffers_);
  }
  Acquired(const Acquired&) = delete;
  Acquired& operator=(const Acquired&) = delete;

  const ShardReduction::Buffers& buffers() const { return buffers_; }
  void complete(Stream& stream, std::uint32_t shard) {
    out_ = false;
    reduction_.complete(stream, shard, buffers_);
  }

 private:
  ShardReduction& reduction_;
  ShardReduction::Buffers buffers_;
  bool out_ = true;
};

}  // namespace

LocalJob::LocalJob(const Graph& graph, Device& device, const JobSpec& spec)
    : spec_{checked(spec)},
      layout_{graph.layout(spec_.optimizer, spec_.bucket_bytes)},
      plan_{graph,
            layout_,
            device,
            {Mode::train, spec_.batch / spec_.shards, spec_.threads_per_shard, spec_.precision}},
      stream_{device.make_stream()},
      updater_{device.make_updater(layout_, spec_.optimizer)},
      reduction_{
          device, layout_, spec_.shards,
          [&device](std::size_t bytes) { return device.allocate(bytes, "the sums of shards"); }},
      device_step_{device.allocate(sizeof(StepState), "a step's state")} {
  for (auto& slot : slots_)
    slot = device.allocate(layout_.slot_bytes, "a version of the parameters");
  const auto start = allocate_host(layout_.slot_bytes);
  graph.initialise(layout_, spec_.seed, {start->data(), layout_.slot_bytes});
  restore(0, {start->data(), layout_.slot_bytes});
  for (std::size_t i = 0; i < graph.inputs().size(); ++i) {
    const std::size_t bytes = plan_.input_bytes(i);
    batch_.push_back(device.allocate(bytes, "input '" + graph.inputs()[i].name + "'"));
    staging_.push_back(
        device.host_accessible()
            ? batch_.back()
            : device.allocate_staging(bytes, "input '" + graph.inputs()[i].name + "'"));
    staging_pointers_.push_back(staging_.back()->data());
    rings_.push_back({batch_.back()->data(), bytes});
  }
}

void LocalJob::read_state(std::span<std::byte> to) {
  if (to.size() != layout_.slot_bytes) {
    throw Error{ErrorCode::bug, "job: expected room for a state of " +
                                    std::to_string(layout_.slot_bytes) + " bytes, got " +
                                    std::to_string(to.size())};
  }
  stream_->copy(to.data(), slots_[newest_]->data(), to.size());
  stream_->synchronize();
}

void LocalJob::restore(std::uint64_t next_step, std::span<const std::byte> state) {
  if (state.size() != layout_.slot_bytes) {
    throw Error{ErrorCode::bad_input, "job: expected a state of " +
                                          std::to_string(layout_.slot_bytes) + " bytes, got " +
                                          std::to_string(state.size())};
  }
  stream_->copy(slots_[newest_]->data(), state.data(), state.size());
  stream_->synchronize();
  next_step_ = next_step;
}

void LocalJob::run_shard(const BatchSource& source, const StepState& step, std::uint32_t shard) {
  StepState state = step;
  const auto rows = static_cast<std::uint64_t>(plan_.options().rows);
  const std::uint64_t first = state.step * static_cast<std::uint64_t>(spec_.batch) + shard * rows;
  state.position = first;
  state.rows = static_cast<std::uint32_t>(rows);
  source({first, first + rows}, staging_pointers_);
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    if (staging_[i] != batch_[i])
      stream_->copy(batch_[i]->data(), staging_[i]->data(), plan_.input_bytes(i));
  }
  stream_->copy(device_step_->data(), reinterpret_cast<const std::byte*>(&state), sizeof state);

  Acquired acquired{reduction_};
  const ShardReduction::Buffers& buffers = acquired.buffers();
  Bindings bindings;
  bindings.state = slots_[newest_]->data();
  bindings.inputs = rings_;
  bindings.buckets = buffers.buckets;
  bindings.sums = buffers.sums;
  bindings.step = reinterpret_cast<const StepState*>(device_step_->data());
  plan_.run(*stream_, bindings);
  acquired.complete(*stream_, shard);
  stream_->synchronize();  // before the staging memory is filled again
}

LocalJob::StepResult LocalJob::step(const BatchSource& source) {
  const StepState state = make_step_state(spec_.optimizer, spec_.schedule, spec_.seed, next_step_);
  reduction_.clear();
  for (std::uint32_t shard = 0; shard < spec_.shards; ++shard) run_shard(source, state, shard);

  const ShardReduction::Buffers sum = reduction_.result();
  const UpdateBindings bindings{slots_[newest_]->data(), slots_[1 - newest_]->data(), sum.buckets,
                                sum.sums, reinterpret_cast<const StepState*>(device_step_->data())};
  updater_->prepare(*stream_, bindings);
  updater_->update(*stream_, bindings, 0, layout_.parameter_elements);
  double loss = 0.0;
  std::int64_t rows = 0;
  stream_->copy(reinterpret_cast<std::byte*>(&loss), sum.sums + StateLayout::loss_offset_bytes,
                sizeof loss);
  stream_->copy(reinterpret_cast<std::byte*>(&rows), sum.sums + StateLayout::rows_offset_bytes,
                sizeof rows);
  stream_->synchronize();
  if (const std::string name = updater_->not_finite(); !name.empty()) {
    throw Error{ErrorCode::bad_input, "step " + std::to_string(next_step_) +
                                          ": expected finite values, got others in " + name};
  }
  newest_ = 1 - newest_;
  ++next_step_;
  return {rows > 0 ? loss / static_cast<double>(rows) : 0.0, rows};
}

}  // namespace troupe::gpu::nn
