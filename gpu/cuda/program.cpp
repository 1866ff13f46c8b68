#include "gpu/cuda/program.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "gpu/cuda/kernels/copy.hpp"
#include "gpu/cuda/status.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu::cuda {
namespace {

std::uintptr_t number_of(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address);
}

std::string arena_of(const ProgramSpec& spec) {
  std::string text = "the activations of a plan";
  if (!spec.largest_layer.empty())
    text += ", of which layer '" + spec.largest_layer + "' has the largest, of " +
            std::to_string(spec.largest_bytes) + " bytes";
  return text;
}

}  // namespace

void CudaProgram::tell(void* hearing) {
  const auto& [listener, bucket] = *static_cast<Hearing*>(hearing);
  listener->signalled(bucket);
}

CudaProgram::CudaProgram(int device, Memory& memory, const ProgramSpec& spec, bool graphs)
    : device_{device},
      memory_{memory},
      graphs_{graphs},
      arena_{memory.allocate(spec.arena_bytes, arena_of(spec))} {}

void CudaProgram::append(const Instruction& instruction, std::unique_ptr<Node> node) {
  operands_.append(instruction, arena_->size_bytes());
  if (node != nullptr && node->scratch_bytes() > scratch_bytes_) {
    scratch_bytes_ = node->scratch_bytes();
    scratch_layer_ = instruction.layer;
  }
  const auto* const signal = std::get_if<Signal>(&instruction.operation);
  steps_.push_back({std::move(node), signal != nullptr ? signal->bucket : 0});
}

void CudaProgram::finish() {
  if (scratch_bytes_ != 0) {
    scratch_ = memory_.allocate(scratch_bytes_,
                                "what the kernels of '" + scratch_layer_ + "' need beside it");
  }
  addresses_.resize(operands_.most());
  batches_.resize(operands_.inputs());
}

void CudaProgram::run(Stream& stream, const Bindings& bindings, SignalListener* listener) {
  operands_.check(bindings);
  check(cudaSetDevice(device_), "cudaSetDevice");
  auto& on = static_cast<CudaStream&>(stream);
  if (on.recording()) return run_recorded(on, bindings, listener);
  take_batches(bindings, on);
  make_key(bindings, listener);
  Recording& recording = recording_for_key(on);
  recording.last_used = ++runs_;
  if (!graphs_ || runs_ == 1 || bindings.stopwatch != nullptr) {
    enqueue(on, bindings, listener, recording, false);
    return;
  }
  if (recording.graph == nullptr) {
    recording.graph = std::make_unique<CudaRecorded>(
        on, [&] { enqueue(on, bindings, listener, recording, true); });
  }
  recording.graph->launch(on);
  for (const Step& step : steps_) {
    if (step.node == nullptr && step.bucket < bindings.events.size()) {
      static_cast<CudaEvent*>(bindings.events[step.bucket])->launched();
    }
  }
}

/// As part of what somebody else records, and launches: of its signals nobody would hear.
void CudaProgram::run_recorded(CudaStream& stream, Bindings bindings,
                               const SignalListener* listener) {
  if (runs_ == 0 || listener != nullptr) {
    throw Error{ErrorCode::bug,
                "cuda program: expected a run before it is recorded, and no listener"};
  }
  bindings.events = {};
  bindings.stopwatch = nullptr;
  Recording part;
  enqueue(stream, bindings, nullptr, part, true);
}

/// Places for the batches, as large as the rings' slots.
void CudaProgram::take_batches(const Bindings& bindings, CudaStream& stream) {
  for (std::size_t i = 0; i < batches_.size(); ++i) {
    const std::size_t bytes = bindings.inputs[i].slot_bytes;
    if (batches_[i] != nullptr && batches_[i]->size_bytes() == bytes) continue;
    if (batches_[i] != nullptr) stream.synchronize();  // whoever reads the old one
    batches_[i] = memory_.allocate(bytes, "input " + std::to_string(i) + " of a step");
  }
}

/// All that a recorded run has written down.
void CudaProgram::make_key(const Bindings& bindings, SignalListener* listener) {
  key_.assign({number_of(bindings.state), number_of(bindings.sums), number_of(bindings.step),
               number_of(listener)});
  for (std::size_t i = 0; i < batches_.size(); ++i) {
    key_.push_back(number_of(bindings.inputs[i].data));
    key_.push_back(bindings.inputs[i].slot_bytes);
    key_.push_back(number_of(batches_[i]->data()));
  }
  for (const std::byte* const bucket : bindings.buckets) key_.push_back(number_of(bucket));
  for (const Event* const event : bindings.events) key_.push_back(number_of(event));
}

CudaProgram::Recording& CudaProgram::recording_for_key(CudaStream& stream) {
  const auto known = std::ranges::find(recordings_, key_, [](const auto& r) { return r->key; });
  if (known != recordings_.end()) return **known;
  if (recordings_.size() < most_recordings) {
    recordings_.push_back(std::make_unique<Recording>());
  } else {
    const auto oldest =
        std::ranges::min_element(recordings_, {}, [](const auto& r) { return r->last_used; });
    stream.synchronize();  // it may still run
    *oldest = std::make_unique<Recording>();
    std::swap(*oldest, recordings_.back());
  }
  recordings_.back()->key = key_;
  return *recordings_.back();
}

void* CudaProgram::address(const Operand& operand, const Bindings& bindings) const {
  const bool input = operand.space == Space::input;
  return ProgramOperands::address(operand, bindings, arena_->data(),
                                  input ? batches_[operand.index]->data() : nullptr);
}

void CudaProgram::enqueue(CudaStream& stream, const Bindings& bindings, SignalListener* listener,
                          Recording& recording, bool captured) {
  for (std::size_t i = 0; i < batches_.size(); ++i) {
    const BatchRing& ring = bindings.inputs[i];
    copy_batch_slot(stream.handle(), ring.data, ring.slot_bytes, ring.slot_bytes, bindings.step,
                    batches_[i]->data());
  }
  std::size_t signals = 0;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    Step& step = steps_[i];
    if (step.node != nullptr) {
      const std::span<const Operand> operands = operands_.of(i);
      for (std::size_t at = 0; at < operands.size(); ++at) {
        addresses_[at] = address(operands[at], bindings);
      }
      step.node->enqueue(stream.handle(), addresses_.data(),
                         scratch_ != nullptr ? scratch_->data() : nullptr);
      continue;
    }
    if (step.bucket < bindings.events.size()) {
      static_cast<CudaEvent*>(bindings.events[step.bucket])->record(stream.handle(), captured);
    }
    if (bindings.stopwatch != nullptr) bindings.stopwatch->mark(stream);
    if (listener == nullptr) continue;
    if (signals == recording.hearings.size()) {
      recording.hearings.push_back(std::make_unique<Hearing>(Hearing{listener, step.bucket}));
    }
    check(cudaLaunchHostFunc(stream.handle(), tell, recording.hearings[signals++].get()),
          "cudaLaunchHostFunc");
  }
}

}  // namespace troupe::gpu::cuda
