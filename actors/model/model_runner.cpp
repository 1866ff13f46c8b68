#include "actors/model/model_runner.hpp"

#include <algorithm>
#include <string>

#include "runtime/base/error.hpp"

namespace troupe::actors {
namespace {

std::int64_t checked_rows(std::int64_t rows) {
  if (rows >= 1) return rows;
  throw Error{ErrorCode::bad_input, "model: expected 1 row or more, got " + std::to_string(rows)};
}

}  // namespace

ModelRunner::ModelRunner(std::shared_ptr<const SavedModel> model, gpu::Device& device,
                         std::int64_t rows, int threads)
    : model_{std::move(model)},
      rows_{checked_rows(rows)},
      plan_{model_->graph, model_->layout, device, {gpu::nn::Mode::infer, rows_, threads}},
      stream_{device.make_stream()},
      state_{device.allocate(model_->layout.slot_bytes, "the parameters")},
      sums_{device.allocate(model_->layout.sums_bytes, "the sums of a run")},
      step_{device.allocate(sizeof(gpu::StepState), "a run's state")},
      predictions_(static_cast<std::size_t>(rows_ * model_->outputs())) {
  stream_->copy(state_->data(), model_->slot().data(), model_->slot().size());
  for (std::size_t i = 0; i < model_->graph.inputs().size(); ++i) {
    inputs_.push_back(
        device.allocate(plan_.input_bytes(i), "input '" + model_->graph.inputs()[i].name + "'"));
    rings_.push_back({inputs_.back()->data(), plan_.input_bytes(i)});
  }
  staging_ = device.host_accessible() ? inputs_[0] : gpu::allocate_host(plan_.input_bytes(0));
  features_ = {reinterpret_cast<float*>(staging_->data()),
               static_cast<std::size_t>(rows_ * model_->transforms.out_shape().elements())};
  stream_->synchronize();
}

std::span<const float> ModelRunner::run(std::int64_t count) {
  if (count < 0 || count > rows_) {
    throw Error{ErrorCode::bad_input, "model: expected at most " + std::to_string(rows_) +
                                          " rows, got " + std::to_string(count)};
  }
  const std::size_t used =
      features_.size() / static_cast<std::size_t>(rows_) * static_cast<std::size_t>(count);
  std::ranges::fill(features_.subspan(used), 0.0F);
  if (staging_ != inputs_[0])
    stream_->copy(inputs_[0]->data(), staging_->data(), plan_.input_bytes(0));
  gpu::StepState step;
  step.rows = static_cast<std::uint32_t>(count);
  stream_->copy(step_->data(), reinterpret_cast<const std::byte*>(&step), sizeof step);
  gpu::Bindings bindings;
  bindings.state = state_->data();
  bindings.inputs = rings_;
  bindings.sums = sums_->data();
  bindings.step = reinterpret_cast<const gpu::StepState*>(step_->data());
  plan_.run(*stream_, bindings);
  const std::size_t outputs = static_cast<std::size_t>(count * model_->outputs());
  if (count > 0) {
    stream_->copy(reinterpret_cast<std::byte*>(predictions_.data()), plan_.prediction().data(),
                  outputs * sizeof(float));
  }
  stream_->synchronize();
  return {predictions_.data(), outputs};
}

}  // namespace troupe::actors
