#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "gpu/device.hpp"

namespace troupe::gpu {

/// In host memory, and done at once.
class CpuStepQueue final : public StepQueue {
 public:
  CpuStepQueue(std::size_t states, std::size_t outcomes);

  void push(Stream& stream, std::span<const StepState> states) override;
  void pop(Stream& stream, StepState* to) override;
  void note(Stream& stream, const std::byte* sums) override;
  void read(Stream& stream, std::uint64_t first, std::span<Outcome> to) const override;

 private:
  std::vector<StepState> states_;
  std::vector<Outcome> outcomes_;
  std::uint64_t pushed_ = 0, popped_ = 0, noted_ = 0;
};

/// Kept, and done when it is launched.
class CpuRecorded final : public Recorded {
 public:
  explicit CpuRecorded(std::function<void()> enqueue) : enqueue_{std::move(enqueue)} {}
  void launch(Stream&) override { enqueue_(); }

 private:
  std::function<void()> enqueue_;
};

}  // namespace troupe::gpu
