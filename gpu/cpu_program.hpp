#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "gpu/device.hpp"
#include "gpu/kernel.hpp"
#include "gpu/program_operands.hpp"

namespace troupe::gpu {

/// Kernels in order, and where their operands lie. Addresses are worked out anew at each run, since what is
/// bound changes from step to step; `run` allocates nothing.
class CpuProgram final : public Program {
 public:
  /// @throws Error exhausted.
  explicit CpuProgram(std::size_t arena_bytes);

  /// `kernel` is null for a Signal.
  /// @throws Error bad_input naming the layer, if the operands are not as many as the operation has, or one
  /// begins behind the arena's end.
  void append(const Instruction& instruction, std::unique_ptr<Kernel> kernel);

  /// @throws Error bad_input if something that the program uses is not bound.
  void run(Stream& stream, const Bindings& bindings, SignalListener* listener) override;
  std::byte* arena() const override { return arena_->data(); }

 private:
  struct Step {
    std::unique_ptr<Kernel> kernel;  ///< null: a signal
    std::uint32_t bucket = 0;        ///< of the signal
  };
  std::byte* address(const Operand& operand, const Bindings& bindings) const;

  std::shared_ptr<Storage> arena_;
  ProgramOperands operands_;
  std::vector<Step> steps_;
  std::vector<void*> addresses_;  ///< of one step, during a run
};

}  // namespace troupe::gpu
