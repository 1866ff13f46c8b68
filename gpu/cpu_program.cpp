#include "gpu/cpu_program.hpp"

#include <span>
#include <utility>
#include <variant>

#include "runtime/base/float_environment.hpp"

namespace troupe::gpu {

CpuProgram::CpuProgram(std::size_t arena_bytes) : arena_{allocate_host(arena_bytes)} {}

void CpuProgram::append(const Instruction& instruction, std::unique_ptr<Kernel> kernel) {
  operands_.append(instruction, arena_->size_bytes());
  addresses_.resize(operands_.most());
  const auto* const signal = std::get_if<Signal>(&instruction.operation);
  steps_.push_back({std::move(kernel), signal != nullptr ? signal->bucket : 0});
}

std::byte* CpuProgram::address(const Operand& operand, const Bindings& bindings) const {
  const std::byte* batch = nullptr;
  if (operand.space == Space::input) {
    const BatchRing& ring = bindings.inputs[operand.index];
    batch = ring.data + bindings.step->batch_slot * ring.slot_bytes;
  }
  return ProgramOperands::address(operand, bindings, arena_->data(), batch);
}

void CpuProgram::run(Stream& stream, const Bindings& bindings, SignalListener* listener) {
  operands_.check(bindings);
  const FloatEnvironment environment;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    if (step.kernel == nullptr) {
      if (step.bucket < bindings.events.size()) stream.record(*bindings.events[step.bucket]);
      if (bindings.stopwatch != nullptr) bindings.stopwatch->mark(stream);
      if (listener != nullptr) listener->signalled(step.bucket);
      continue;
    }
    const std::span<const Operand> operands = operands_.of(i);
    for (std::size_t at = 0; at < operands.size(); ++at) {
      addresses_[at] = address(operands[at], bindings);
    }
    step.kernel->run(addresses_.data());
  }
}

}  // namespace troupe::gpu
