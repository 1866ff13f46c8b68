#include "gpu/program_operands.hpp"

#include <algorithm>
#include <string>

#include "runtime/base/error.hpp"

namespace troupe::gpu {

void ProgramOperands::append(const Instruction& instruction, std::size_t arena_bytes) {
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
        if (operand.offset_bytes > arena_bytes) {
          throw Error{ErrorCode::bad_input, where() + ": expected operands within the arena's " +
                                                std::to_string(arena_bytes) +
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
  operands_.insert(operands_.end(), instruction.operands.begin(), instruction.operands.end());
  ends_.push_back(operands_.size());
  most_ = std::max(most_, wanted);
}

void ProgramOperands::check(const Bindings& bindings) const {
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

std::byte* ProgramOperands::address(const Operand& operand, const Bindings& bindings,
                                    std::byte* arena, const std::byte* batch) {
  // Kernels take all operands as void*; what they only read they do not write.
  const auto base = [&]() -> const void* {
    switch (operand.space) {
      case Space::arena:
        return arena;
      case Space::state:
        return bindings.state;
      case Space::input:
        return batch;
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

}  // namespace troupe::gpu
