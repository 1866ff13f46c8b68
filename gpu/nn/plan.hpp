#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "gpu/device.hpp"
#include "gpu/nn/graph.hpp"
#include "gpu/nn/state_layout.hpp"

namespace troupe::gpu::nn {

enum class Mode : std::uint8_t {
  train,     ///< forward, loss, backward: yields gradients by bucket and the shard's sums
  evaluate,  ///< forward by running statistics and without dropout, then loss and count of rows
  infer,     ///< forward alone; targets are not needed
};

struct PlanOptions {
  Mode mode = Mode::train;
  std::int64_t rows = 1;  ///< of a shard: a plan runs this shape and no other (JOB-2)
  int threads = 1;        ///< threads_per_shard
  /// What layers compute in: f32, or bf16 where the device can. Parameters, sums, statistics and the gradients that
  /// leave are f32 either way: weights are rounded at the beginning of a run, leaf gradients widened before the tree.
  DType precision = DType::f32;
  bool reuse_buffers =
      true;  ///< false gives every buffer memory of its own, to find out what a wrong reuse broke
};

/// A graph made ready for (device, shard shape): operations in order, buffers placed, kernels made once. Made and
/// run on one thread (JOB-6); several plans of one graph run side by side. A run allocates nothing.
class Plan {
 public:
  /// @throws Error bad_input for a training plan without a loss or with rows < 1, unsupported if the device has no
  /// kernel for a layer, which it names.
  Plan(const Graph& graph, const StateLayout& layout, Device& device, const PlanOptions& options);
  ~Plan();
  Plan(Plan&&) noexcept;
  Plan& operator=(Plan&&) noexcept;

  /// Enqueues one shard. `bindings.events` is the plan's own; buckets and sums must be as large as the layout
  /// says, and are written whole. Training reads the targets' batch slots too.
  void run(Stream& stream, Bindings bindings, SignalListener* listener = nullptr);

  /// Reached once a run when bucket `i` is complete; behind the last bucket stands the event of the sums, which
  /// are complete before backward begins. Training plans only.
  const Event& event(std::size_t i) const { return *events_[i]; }

  /// What the last run predicted, [rows, …], in the device's memory: overwritten by the next run.
  const Tensor& prediction() const { return prediction_; }
  /// Bytes of one batch slot of input `i`.
  std::size_t input_bytes(std::size_t i) const { return input_bytes_[i]; }
  const PlanOptions& options() const { return options_; }
  std::size_t arena_bytes() const { return arena_bytes_; }
  /// Bytes of all activations, their gradients and workspaces, as if none shared memory: each is written and read at
  /// least once a run.
  std::size_t activation_bytes() const { return activation_bytes_; }
  /// The operations, for tests, traces and the count of FLOPs.
  std::span<const Instruction> instructions() const { return instructions_; }

 private:
  PlanOptions options_;
  std::unique_ptr<Program> program_;
  std::vector<std::unique_ptr<Event>> events_;
  std::vector<Event*> event_pointers_;
  std::vector<Instruction> instructions_;
  std::vector<std::size_t> input_bytes_;
  std::size_t arena_bytes_ = 0, activation_bytes_ = 0;
  Tensor prediction_;
};

/// The largest number of multiplications and additions that the operation needs, for measuring speed; 0 for what
/// moves memory only.
double flops(const Operation& operation);

}  // namespace troupe::gpu::nn
