#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "gpu/cuda/kernels/step_queue.hpp"
#include "gpu/cuda/memory.hpp"
#include "gpu/device.hpp"

namespace troupe::gpu::cuda {

class CudaStepQueue final : public StepQueue {
 public:
  CudaStepQueue(int device, Memory& memory, std::size_t states, std::size_t outcomes);

  void push(Stream& stream, std::span<const StepState> states) override;
  void pop(Stream& stream, StepState* to) override;
  void note(Stream& stream, const std::byte* sums) override;
  void read(Stream& stream, std::uint64_t first, std::span<Outcome> to) const override;

 private:
  StepCursors* cursors() const { return reinterpret_cast<StepCursors*>(cursors_->data()); }

  int device_;
  std::size_t room_, outcome_count_;
  std::uint64_t pushed_ = 0;
  std::shared_ptr<Storage> staging_, states_, outcomes_, cursors_;
};

}  // namespace troupe::gpu::cuda
