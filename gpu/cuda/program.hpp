#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <cuda_runtime_api.h>

#include "gpu/cuda/memory.hpp"
#include "gpu/cuda/node.hpp"
#include "gpu/cuda/recorded.hpp"
#include "gpu/cuda/stream.hpp"
#include "gpu/device.hpp"
#include "gpu/program_operands.hpp"

namespace troupe::gpu::cuda {

/// Nodes in order. The first run enqueues each by itself, since kernels are loaded when they are first used; from the
/// second on, what a run enqueues is recorded as a CUDA graph, once for each set of bindings, and launched as a whole.
/// In a stream that is being recorded a run becomes part of that, without its signals. Batches are copied from the slot
/// that StepState names to a place of the program's, so that a graph stays good.
class CudaProgram final : public Program {
 public:
  /// How many sets of bindings are remembered; the one that was used longest ago makes room.
  static constexpr std::size_t most_recordings = 64;

  /// @param graphs  false: nothing is recorded
  CudaProgram(int device, Memory& memory, const ProgramSpec& spec, bool graphs);

  /// `node` is null for a Signal. @throws Error as ProgramOperands::append does.
  void append(const Instruction& instruction, std::unique_ptr<Node> node);
  /// After the last append: takes the memory that nodes share. @throws Error exhausted.
  void finish();

  void run(Stream& stream, const Bindings& bindings, SignalListener* listener) override;
  std::byte* arena() const override { return arena_->data(); }

 private:
  struct Step {
    std::unique_ptr<Node> node;  ///< null: a signal
    std::uint32_t bucket = 0;    ///< of the signal
  };
  struct Hearing {
    SignalListener* listener;
    std::uint32_t bucket;
  };
  /// What one set of bindings has become.
  struct Recording {
    std::vector<std::uintptr_t> key;
    std::vector<std::unique_ptr<Hearing>>
        hearings;  ///< by signal, for as long as the GPU may call back
    std::unique_ptr<CudaRecorded> graph;
    std::uint64_t last_used = 0;
  };

  /// What a stream calls at a signal, from a thread of CUDA's.
  static void CUDART_CB tell(void* hearing);
  void run_recorded(CudaStream& stream, Bindings bindings, const SignalListener* listener);
  void make_key(const Bindings& bindings, SignalListener* listener);
  Recording& recording_for_key(CudaStream& stream);
  void take_batches(const Bindings& bindings, CudaStream& stream);
  void* address(const Operand& operand, const Bindings& bindings) const;
  void enqueue(CudaStream& stream, const Bindings& bindings, SignalListener* listener,
               Recording& recording, bool captured);

  int device_;
  Memory& memory_;
  bool graphs_;
  std::shared_ptr<Storage> arena_, scratch_;
  std::size_t scratch_bytes_ = 0;
  std::string scratch_layer_;  ///< that needs so much
  ProgramOperands operands_;
  std::vector<Step> steps_;
  std::vector<std::shared_ptr<Storage>> batches_;  ///< by input
  std::vector<void*> addresses_;                   ///< of one step, during a run
  std::vector<std::uintptr_t> key_;                ///< of the run that begins
  std::vector<std::unique_ptr<Recording>> recordings_;
  std::uint64_t runs_ = 0;
};

}  // namespace troupe::gpu::cuda
