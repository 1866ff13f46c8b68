#include "gpu/cuda/step_queue.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "gpu/cuda/status.hpp"
#include "gpu/cuda/stream.hpp"
#include "gpu/nn/state_layout.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu::cuda {

static_assert(sizeof(StepQueue::Outcome) == 16 &&
                  nn::StateLayout::rows_offset_bytes == nn::StateLayout::loss_offset_bytes + 8,
              "an outcome is copied as one piece of the sums");

CudaStepQueue::CudaStepQueue(int device, Memory& memory, std::size_t states, std::size_t outcomes)
    : device_{device},
      room_{states},
      outcome_count_{outcomes},
      staging_{
          memory.allocate_pinned(states * sizeof(StepState), "steps that were computed ahead")},
      states_{memory.allocate(states * sizeof(StepState), "steps that were computed ahead")},
      outcomes_{memory.allocate(outcomes * sizeof(Outcome), "what steps gave")},
      cursors_{memory.allocate(sizeof(StepCursors), "where steps go on")} {}

void CudaStepQueue::push(Stream& stream, std::span<const StepState> states) {
  if (states.size() > room_) {
    throw Error{ErrorCode::bug, "step queue: expected at most " + std::to_string(room_) +
                                    " states, got " + std::to_string(states.size())};
  }
  while (!states.empty()) {
    const std::size_t at = pushed_ % room_;
    const std::size_t count = std::min(states.size(), room_ - at);
    const std::size_t offset = at * sizeof(StepState), bytes = count * sizeof(StepState);
    std::memcpy(staging_->data() + offset, states.data(), bytes);
    stream.copy(states_->data() + offset, staging_->data() + offset, bytes);
    pushed_ += count;
    states = states.subspan(count);
  }
}

void CudaStepQueue::pop(Stream& stream, StepState* to) {
  check(cudaSetDevice(device_), "cudaSetDevice");
  pop_state(static_cast<CudaStream&>(stream).handle(),
            reinterpret_cast<const StepState*>(states_->data()), room_, cursors(), to);
}

void CudaStepQueue::note(Stream& stream, const std::byte* sums) {
  check(cudaSetDevice(device_), "cudaSetDevice");
  note_outcome(static_cast<CudaStream&>(stream).handle(), sums + nn::StateLayout::loss_offset_bytes,
               outcomes_->data(), outcome_count_, cursors());
}

void CudaStepQueue::read(Stream& stream, std::uint64_t first, std::span<Outcome> to) const {
  while (!to.empty()) {
    const std::size_t at = first % outcome_count_;
    const std::size_t count = std::min(to.size(), outcome_count_ - at);
    stream.copy(reinterpret_cast<std::byte*>(to.data()), outcomes_->data() + at * sizeof(Outcome),
                count * sizeof(Outcome));
    first += count;
    to = to.subspan(count);
  }
  stream.synchronize();
}

}  // namespace troupe::gpu::cuda
