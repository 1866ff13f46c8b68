#include "tests/reference/updater_run.hpp"

#include <cstddef>
#include <cstring>
#include <utility>

#include "gpu/nn/schedule.hpp"
#include "gpu/nn/step.hpp"
#include "gpu/reference/updater.hpp"
#include "runtime/base/float_environment.hpp"

namespace troupe::test::reference {
namespace {

// The CPU's updater computes on the calling thread and leaves the stream alone.
struct NoStream final : gpu::Stream {
  void copy(std::byte*, const std::byte*, std::size_t) override {}
  void record(gpu::Event&) override {}
  void wait(const gpu::Event&, std::uint64_t) override {}
  void synchronize() override {}
};

float* floats(const std::shared_ptr<gpu::Storage>& storage) {
  return reinterpret_cast<float*>(storage->data());
}

}  // namespace

UpdaterRun::UpdaterRun(const gpu::nn::StateLayout& layout, const gpu::nn::OptimizerSpec& spec,
                       const Values& parameters)
    : layout_{layout},
      spec_{spec},
      updater_{gpu::reference::make_cpu_updater(layout, spec)},
      from_{gpu::allocate_host(layout.slot_bytes)},
      to_{gpu::allocate_host(layout.slot_bytes)} {
  for (const gpu::nn::ParameterEntry& entry : layout_.parameters) {
    const auto size = static_cast<std::size_t>(entry.shape.elements());
    for (std::size_t i = 0; i < size; ++i) elements_.push_back(entry.begin + i);
  }
  for (std::size_t i = 0; i < elements_.size(); ++i) {
    floats(from_)[elements_[i]] = static_cast<float>(parameters[i]);
  }
}

void UpdaterRun::step(const Values& gradient_sums, std::int64_t rows, double learning_rate) {
  std::vector<float> gradient(layout_.parameter_elements);
  for (std::size_t i = 0; i < elements_.size(); ++i) {
    gradient[elements_[i]] = static_cast<float>(gradient_sums[i]);
  }
  std::vector<std::shared_ptr<gpu::Storage>> buckets;
  std::vector<const std::byte*> addresses;
  for (const gpu::nn::Bucket& bucket : layout_.buckets) {
    buckets.push_back(gpu::allocate_host(bucket.size_bytes()));
    std::memcpy(buckets.back()->data(), gradient.data() + bucket.begin, bucket.size_bytes());
    addresses.push_back(buckets.back()->data());
  }
  const auto sums = gpu::allocate_host(layout_.sums_bytes);
  std::memcpy(sums->data() + gpu::nn::StateLayout::rows_offset_bytes, &rows, sizeof rows);

  const gpu::nn::Schedule schedule{learning_rate, gpu::nn::ConstantRate{}, 0};
  const gpu::StepState state = gpu::nn::make_step_state(spec_, schedule, 0, steps_++);
  const gpu::UpdateBindings bindings{from_->data(), to_->data(), addresses, sums->data(), &state};
  const FloatEnvironment environment;
  NoStream stream;
  updater_->prepare(stream, bindings);
  updater_->update(stream, bindings, 0, layout_.parameter_elements);
  std::swap(from_, to_);
}

Values UpdaterRun::read(std::size_t part) const {
  Values values;
  for (const std::size_t element : elements_) {
    values.push_back(
        static_cast<double>(floats(from_)[part * layout_.parameter_elements + element]));
  }
  return values;
}

}  // namespace troupe::test::reference
