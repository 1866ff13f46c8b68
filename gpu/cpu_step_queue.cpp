#include "gpu/cpu_step_queue.hpp"

#include <cstring>
#include <string>

#include "gpu/nn/state_layout.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu {

CpuStepQueue::CpuStepQueue(std::size_t states, std::size_t outcomes)
    : states_(states), outcomes_(outcomes) {}

void CpuStepQueue::push(Stream&, std::span<const StepState> states) {
  if (pushed_ - popped_ + states.size() > states_.size()) {
    throw Error{ErrorCode::bug, "step queue: expected at most " + std::to_string(states_.size()) +
                                    " states, got " +
                                    std::to_string(pushed_ - popped_ + states.size())};
  }
  for (const StepState& state : states) states_[pushed_++ % states_.size()] = state;
}

void CpuStepQueue::pop(Stream&, StepState* to) {
  *to = states_[popped_++ % states_.size()];
}

void CpuStepQueue::note(Stream&, const std::byte* sums) {
  Outcome& outcome = outcomes_[noted_++ % outcomes_.size()];
  std::memcpy(&outcome.loss, sums + nn::StateLayout::loss_offset_bytes, sizeof outcome.loss);
  std::memcpy(&outcome.rows, sums + nn::StateLayout::rows_offset_bytes, sizeof outcome.rows);
}

void CpuStepQueue::read(Stream&, std::uint64_t first, std::span<Outcome> to) const {
  for (Outcome& outcome : to) outcome = outcomes_[first++ % outcomes_.size()];
}

}  // namespace troupe::gpu
