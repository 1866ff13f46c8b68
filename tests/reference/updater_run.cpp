#include "tests/reference/updater_run.hpp"

#include <cstddef>
#include <cstring>
#include <utility>

#include "gpu/nn/schedule.hpp"
#include "gpu/nn/step.hpp"
#include "runtime/base/float_environment.hpp"

namespace troupe::test::reference {

UpdaterRun::UpdaterRun(gpu::Device& device, const gpu::nn::StateLayout& layout,
                       const gpu::nn::OptimizerSpec& spec, const Values& parameters)
    : device_{device},
      layout_{layout},
      spec_{spec},
      stream_{device.make_stream()},
      updater_{device.make_updater(layout, spec)},
      to_{device.allocate(layout.slot_bytes, "a slot")} {
  for (const gpu::nn::ParameterEntry& entry : layout_.parameters) {
    const auto size = static_cast<std::size_t>(entry.shape.elements());
    for (std::size_t i = 0; i < size; ++i) elements_.push_back(entry.begin + i);
  }
  std::vector<float> slot(layout.slot_bytes / sizeof(float));
  for (std::size_t i = 0; i < elements_.size(); ++i) {
    slot[elements_[i]] = static_cast<float>(parameters[i]);
  }
  from_ = there(slot.data(), layout.slot_bytes);
}

std::shared_ptr<gpu::Storage> UpdaterRun::there(const void* data, std::size_t bytes) {
  auto storage = device_.allocate(bytes, "a test");
  stream_->copy(storage->data(), static_cast<const std::byte*>(data), bytes);
  stream_->synchronize();
  return storage;
}

void UpdaterRun::step(const Values& gradient_sums, std::int64_t rows, double learning_rate) {
  std::vector<float> gradient(layout_.parameter_elements);
  for (std::size_t i = 0; i < elements_.size(); ++i) {
    gradient[elements_[i]] = static_cast<float>(gradient_sums[i]);
  }
  std::vector<std::shared_ptr<gpu::Storage>> buckets;
  std::vector<const std::byte*> addresses;
  for (const gpu::nn::Bucket& bucket : layout_.buckets) {
    buckets.push_back(there(gradient.data() + bucket.begin, bucket.size_bytes()));
    addresses.push_back(buckets.back()->data());
  }
  std::vector<std::byte> all_sums(layout_.sums_bytes);
  std::memcpy(all_sums.data() + gpu::nn::StateLayout::rows_offset_bytes, &rows, sizeof rows);
  const auto sums = there(all_sums.data(), all_sums.size());

  const gpu::nn::Schedule schedule{learning_rate, gpu::nn::ConstantRate{}, 0};
  const gpu::StepState state = gpu::nn::make_step_state(spec_, schedule, 0, steps_++);
  const auto state_there = there(&state, sizeof state);
  const gpu::UpdateBindings bindings{from_->data(), to_->data(), addresses, sums->data(),
                                     reinterpret_cast<const gpu::StepState*>(state_there->data())};
  const FloatEnvironment environment;
  updater_->prepare(*stream_, bindings);
  updater_->update(*stream_, bindings, 0, layout_.parameter_elements);
  stream_->synchronize();
  std::swap(from_, to_);
}

Values UpdaterRun::read(std::size_t part) const {
  std::vector<float> slot(layout_.slot_bytes / sizeof(float));
  stream_->copy(reinterpret_cast<std::byte*>(slot.data()), from_->data(), layout_.slot_bytes);
  stream_->synchronize();
  Values values;
  for (const std::size_t element : elements_)
    values.push_back(static_cast<double>(slot[part * layout_.parameter_elements + element]));
  return values;
}

}  // namespace troupe::test::reference
