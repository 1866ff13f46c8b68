#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "gpu/device.hpp"

namespace troupe::gpu {

/// The operands of a program's instructions, and what a run has to bind for them: what all devices' programs have in
/// common.
class ProgramOperands {
 public:
  /// @throws Error bad_input naming the layer, if the operands are not as many as the operation has, or one begins
  /// behind the arena's end.
  void append(const Instruction& instruction, std::size_t arena_bytes);
  /// @throws Error bad_input if something that the program uses is not bound.
  void check(const Bindings& bindings) const;

  /// Where an operand lies, of which a run's bindings are checked. `arena` is the program's; `batch` begins what is read of
  /// the operand's ring, if it lies in one.
  static std::byte* address(const Operand& operand, const Bindings& bindings, std::byte* arena,
                            const std::byte* batch);

  std::size_t instructions() const { return ends_.size(); }
  /// In the order in which the operation names them.
  std::span<const Operand> of(std::size_t instruction) const {
    const std::size_t begin = instruction == 0 ? 0 : ends_[instruction - 1];
    return std::span{operands_}.subspan(begin, ends_[instruction] - begin);
  }
  std::size_t most() const { return most_; }      ///< operands of one instruction
  std::size_t inputs() const { return inputs_; }  ///< batch rings that are read

 private:
  std::vector<Operand> operands_;
  std::vector<std::size_t> ends_;  ///< by instruction
  std::size_t most_ = 0, inputs_ = 0, buckets_ = 0;
  bool uses_state_ = false, uses_sums_ = false, uses_step_ = false;
};

}  // namespace troupe::gpu
