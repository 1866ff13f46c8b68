#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "gpu/cpu_device.hpp"
#include "gpu/nn/graph.hpp"
#include "gpu/nn/plan.hpp"

namespace troupe::test {

/// All that one shard's run of a plan needs, in memory of its own: for tests that look at one shard.
class ShardRun {
 public:
  ShardRun(const gpu::nn::Graph& graph, const gpu::nn::StateLayout& state_layout,
           gpu::Device& device, const gpu::nn::PlanOptions& options)
      : layout{state_layout}, plan{graph, layout, device, options}, stream{device.make_stream()} {
    state = gpu::allocate_host(layout.slot_bytes);
    sums = gpu::allocate_host(layout.sums_bytes);
    for (const gpu::nn::Bucket& bucket : layout.buckets) {
      buckets.push_back(gpu::allocate_host(bucket.size_bytes()));
      bucket_pointers.push_back(buckets.back()->data());
    }
    for (std::size_t i = 0; i < graph.inputs().size(); ++i) {
      inputs.push_back(gpu::allocate_host(plan.input_bytes(i)));
      rings.push_back({inputs.back()->data(), plan.input_bytes(i)});
    }
    step.rows = static_cast<std::uint32_t>(options.rows);
    graph.initialise(layout, 1, {state->data(), layout.slot_bytes});
  }

  void run(gpu::SignalListener* listener = nullptr) {
    gpu::Bindings bindings;
    bindings.state = state->data();
    bindings.inputs = rings;
    bindings.buckets = bucket_pointers;
    bindings.sums = sums->data();
    bindings.step = &step;
    plan.run(*stream, bindings, listener);
    stream->synchronize();
  }

  template <class T>
  std::span<T> input(std::size_t i) {
    return {reinterpret_cast<T*>(inputs[i]->data()), inputs[i]->size_bytes() / sizeof(T)};
  }
  double loss() const { return *reinterpret_cast<const double*>(sums->data()); }
  std::int64_t rows() const { return *reinterpret_cast<const std::int64_t*>(sums->data() + 8); }

  std::span<float> parameters() {
    return {reinterpret_cast<float*>(state->data()), layout.parameter_elements};
  }
  /// The whole gradient, in the order of the parameter space.
  std::vector<float> gradient() const {
    std::vector<float> all;
    for (const auto& bucket : buckets) {
      const auto* const values = reinterpret_cast<const float*>(bucket->data());
      all.insert(all.end(), values, values + bucket->size_bytes() / sizeof(float));
    }
    return all;
  }

  gpu::nn::StateLayout layout;
  gpu::nn::Plan plan;
  std::unique_ptr<gpu::Stream> stream;
  std::shared_ptr<gpu::Storage> state, sums;
  std::vector<std::shared_ptr<gpu::Storage>> buckets, inputs;
  std::vector<std::byte*> bucket_pointers;
  std::vector<gpu::BatchRing> rings;
  gpu::StepState step;
};

}  // namespace troupe::test
