#include "gpu/cpu_program.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"

namespace troupe::gpu {

CpuProgram::CpuProgram(std::size_t arena_bytes) : arena_{allocate_host(arena_bytes)} {}

void CpuProgram::append(const Instruction& instruction, std::unique_ptr<Kernel> kernel) {
  const auto where = [&] {
    return "layer " + instruction.layer + ": " + name_of(instruction.operation);
  };
  const std::size_t wanted = operand_count(instruction.operation);
  if (instruction.operands.size() != wanted) {
    throw Error{ErrorCode::bad_input, where() + ": expected " + std::to_string(wanted) +
                                          " operands, got " +
                                          std::to_string(instruction.operands.size())};
  }
  for (const Operand& operand : instruction.operands) {
    switch (operand.space) {
      case Space::arena:
        if (operand.offset_bytes > arena_->size_bytes()) {
          throw Error{ErrorCode::bad_input, where() + ": expected operands within the arena's " +
                                                std::to_string(arena_->size_bytes()) +
                                                " bytes, got one at " +
                                                std::to_string(operand.offset_bytes)};
        }
        break;
      case Space::state:
        uses_state_ = true;
        break;
      case Space::input:
        uses_step_ = true;
        inputs_ = std::max(inputs_, std::size_t{operand.index} + 1);
        break;
      case Space::gradient:
        buckets_ = std::max(buckets_, std::size_t{operand.index} + 1);
        break;
      case Space::sums:
        uses_sums_ = true;
        break;
      case Space::step:
        uses_step_ = true;
        break;
    }
  }
  Step step;
  step.kernel = std::move(kernel);
  if (const auto* signal = std::get_if<Signal>(&instruction.operation)) {
    step.bucket = signal->bucket;
  }
  operands_.insert(operands_.end(), instruction.operands.begin(), instruction.operands.end());
  step.end = operands_.size();
  steps_.push_back(std::move(step));
  addresses_.resize(std::max(addresses_.size(), wanted));
}

void CpuProgram::check(const Bindings& bindings) const {
  const auto refuse = [](const std::string& what) {
    throw Error{ErrorCode::bad_input, "program: expected bindings for " + what};
  };
  if (uses_state_ && bindings.state == nullptr) refuse("the state, got none");
  if (uses_sums_ && bindings.sums == nullptr) refuse("the sums, got none");
  if (uses_step_ && bindings.step == nullptr) refuse("the step state, got none");
  if (bindings.inputs.size() < inputs_) {
    refuse(std::to_string(inputs_) + " inputs, got " + std::to_string(bindings.inputs.size()));
  }
  if (bindings.buckets.size() < buckets_) {
    refuse(std::to_string(buckets_) + " buckets, got " + std::to_string(bindings.buckets.size()));
  }
}

std::byte* CpuProgram::address(const Operand& operand, const Bindings& bindings) const {
  // Kernels take all operands as void*; what they only read they do not write.
  const auto base = [&]() -> const void* {
    switch (operand.space) {
      case Space::arena:
        return arena_->data();
      case Space::state:
        return bindings.state;
      case Space::input: {
        const BatchRing& ring = bindings.inputs[operand.index];
        return ring.data + bindings.step->batch_slot * ring.slot_bytes;
      }
      case Space::gradient:
        return bindings.buckets[operand.index];
      case Space::sums:
        return bindings.sums;
      case Space::step:
        return bindings.step;
    }
    return nullptr;
  };
  return static_cast<std::byte*>(const_cast<void*>(base())) + operand.offset_bytes;
}

void CpuProgram::run(Stream& stream, const Bindings& bindings, SignalListener* listener) {
  check(bindings);
  const FloatEnvironment environment;
  std::size_t next = 0;
  for (const Step& step : steps_) {
    if (step.kernel == nullptr) {
      if (step.bucket < bindings.events.size()) stream.record(*bindings.events[step.bucket]);
      if (listener != nullptr) listener->signalled(step.bucket);
      continue;
    }
    for (std::size_t at = 0; next < step.end; ++at, ++next) {
      addresses_[at] = address(operands_[next], bindings);
    }
    step.kernel->run(addresses_.data());
  }
}

}  // namespace troupe::gpu
