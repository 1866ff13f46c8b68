#include "gpu/cpu_device.hpp"

#include <atomic>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "gpu/cpu_program.hpp"
#include "gpu/cpu_step_queue.hpp"
#include "gpu/kernel.hpp"
#include "gpu/kernel_module.hpp"
#include "gpu/nn/optimizer.hpp"
#include "gpu/nn/state_layout.hpp"
#include "gpu/reference/add_chain.hpp"
#include "gpu/reference/isa.hpp"
#include "gpu/reference/library.hpp"
#include "gpu/reference/updater.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"

namespace troupe::gpu {
namespace {

class CpuEvent final : public Event {
 public:
  std::uint64_t reached() const override { return count_.load(std::memory_order_acquire); }
  void wait(std::uint64_t count) const override {
    for (std::uint64_t now = reached(); now < count; now = reached()) {
      count_.wait(now, std::memory_order_acquire);
    }
  }
  void record() {
    count_.fetch_add(1, std::memory_order_release);
    count_.notify_all();
  }

 private:
  std::atomic<std::uint64_t> count_{0};
};

class CpuStopwatch final : public Stopwatch {
 public:
  void mark(Stream&) override { marks_.push_back(Clock::now()); }
  std::vector<double> lap() override {
    std::vector<double> seconds;
    for (std::size_t i = 1; i < marks_.size(); ++i)
      seconds.push_back(std::chrono::duration<double>(marks_[i] - marks_[i - 1]).count());
    marks_.clear();
    return seconds;
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::vector<Clock::time_point> marks_;
};

class CpuStream final : public Stream {
 public:
  void copy(std::byte* to, const std::byte* from, std::size_t bytes) override {
    if (bytes != 0) std::memcpy(to, from, bytes);
  }
  void record(Event& event) override { static_cast<CpuEvent&>(event).record(); }
  void wait(const Event& event, std::uint64_t count) override { event.wait(count); }
  void synchronize() override {}
};

/// The other end of the operation's workspace.
std::optional<Operation> find_partner(const Operation& operation) {
  if (const auto* pool = std::get_if<Pool>(&operation)) {
    if (pool->kind == PoolKind::max && pool->training) {
      return PoolBackward{pool->kind, pool->geometry, pool->type};
    }
  } else if (const auto* back = std::get_if<PoolBackward>(&operation)) {
    if (back->kind == PoolKind::max) return Pool{back->kind, back->geometry, true, back->type};
  } else if (const auto* norm = std::get_if<BatchNorm>(&operation)) {
    return BatchNormBackward{norm->count, norm->channels, norm->epsilon, norm->activation,
                             norm->type};
  } else if (const auto* norm_back = std::get_if<BatchNormBackward>(&operation)) {
    return BatchNorm{norm_back->count, norm_back->channels, norm_back->epsilon,
                     norm_back->activation, norm_back->type};
  }
  return std::nullopt;
}

/// A kernel, and an activation in place over what it put out: for a library that does not fuse this one.
class ActivatedKernel final : public Kernel {
 public:
  ActivatedKernel(std::unique_ptr<Kernel> kernel, std::unique_ptr<Kernel> activate,
                  std::size_t output)
      : kernel_{std::move(kernel)}, activate_{std::move(activate)}, output_{output} {}
  void run(void* const* operands) override {
    kernel_->run(operands);
    void* const in_place[] = {operands[output_], operands[output_]};
    activate_->run(in_place);
  }

 private:
  std::unique_ptr<Kernel> kernel_, activate_;
  std::size_t output_;
};

class CpuDevice final : public Device {
 public:
  CpuDevice(std::vector<std::shared_ptr<KernelLibrary>> libraries, int threads)
      : libraries_{std::move(libraries)}, threads_{threads} {
    if (threads < 1) {
      throw Error{ErrorCode::bad_input,
                  "cpu device: expected 1 thread or more, got " + std::to_string(threads)};
    }
  }

  std::string name() const override { return "cpu"; }
  std::shared_ptr<Storage> allocate(std::size_t bytes, std::string_view) override {
    return allocate_host(bytes);
  }
  bool host_accessible() const override { return true; }
  std::unique_ptr<Stream> make_stream() override { return std::make_unique<CpuStream>(); }
  std::unique_ptr<Event> make_event() override { return std::make_unique<CpuEvent>(); }
  std::unique_ptr<Stopwatch> make_stopwatch() override { return std::make_unique<CpuStopwatch>(); }

  std::size_t workspace_bytes(const Operation& operation) override {
    if (!find_partner(operation)) return 0;
    const Made made = make(operation, threads_);
    return made.kernel ? made.library->workspace_bytes(operation) : 0;
  }

  std::unique_ptr<Program> compile(const ProgramSpec& spec) override {
    if (spec.threads < 1 || spec.threads > threads_) {
      throw Error{ErrorCode::unsupported, "program: expected 1 to " + std::to_string(threads_) +
                                              " threads, got " + std::to_string(spec.threads)};
    }
    auto program = std::make_unique<CpuProgram>(spec.arena_bytes);
    for (const Instruction& instruction : spec.instructions) {
      std::unique_ptr<Kernel> kernel;
      if (!std::holds_alternative<Signal>(instruction.operation)) {
        kernel = make(instruction.operation, spec.threads).kernel;
        if (kernel == nullptr) {
          throw Error{ErrorCode::unsupported,
                      "layer " + instruction.layer + ": no kernel for " +
                          name_of(instruction.operation) +
                          (element_type(instruction.operation) == DType::f32 ? "" : " in bf16") +
                          " on the cpu"};
        }
      }
      program->append(instruction, std::move(kernel));
    }
    return program;
  }

  std::unique_ptr<Updater> make_updater(const nn::StateLayout& layout,
                                        const nn::OptimizerSpec& optimizer) override {
    return reference::make_cpu_updater(layout, optimizer);
  }

  void add_chain(Stream&, DType dtype, std::span<const std::byte* const> terms, std::byte* to,
                 std::size_t elements) override {
    reference::add_chain(dtype, terms, to, elements);
  }

  std::unique_ptr<Recorded> record(Stream&, std::function<void()> enqueue) override {
    return std::make_unique<CpuRecorded>(std::move(enqueue));
  }
  std::unique_ptr<StepQueue> make_step_queue(std::size_t states, std::size_t outcomes) override {
    return std::make_unique<CpuStepQueue>(states, outcomes);
  }

  std::vector<std::pair<std::string, std::string>> machine_record() const override {
    std::vector<std::pair<std::string, std::string>> record{
        {"cpu.isa", std::string{reference::to_string(reference::isa())}},
        {"cpu.threads", std::to_string(threads_)}};
    for (const auto& library : libraries_) {
      for (auto& entry : library->machine_record()) record.push_back(std::move(entry));
    }
    return record;
  }

 private:
  struct Made {
    std::unique_ptr<Kernel> kernel;  ///< null if no library has it
    KernelLibrary* library = nullptr;
  };
  Made make(const Operation& operation, int threads) const {
    const std::optional<Operation> partner = find_partner(operation);
    for (const auto& library : libraries_) {
      std::unique_ptr<Kernel> kernel = library->make(operation, {threads});
      if (kernel == nullptr) kernel = activated(*library, operation, threads);
      if (kernel == nullptr) continue;
      if (partner && library->make(*partner, {threads}) == nullptr) continue;
      return {std::move(kernel), library.get()};
    }
    return {};
  }

  std::unique_ptr<Kernel> activated(KernelLibrary& library, const Operation& operation,
                                    int threads) const {
    const auto parts = without_activation(operation);
    if (!parts) return nullptr;
    std::unique_ptr<Kernel> plain = library.make(parts->operation, {threads});
    if (plain == nullptr) return nullptr;
    std::unique_ptr<Kernel> activate = make(parts->activate, threads).kernel;
    if (activate == nullptr) return nullptr;
    return std::make_unique<ActivatedKernel>(std::move(plain), std::move(activate), parts->output);
  }

  std::vector<std::shared_ptr<KernelLibrary>> libraries_;
  int threads_;
};

}  // namespace

std::unique_ptr<Device> make_cpu_device(std::vector<std::shared_ptr<KernelLibrary>> libraries,
                                        int threads) {
  return std::make_unique<CpuDevice>(std::move(libraries), threads);
}

std::unique_ptr<Device> make_cpu_device(const CpuOptions& options) {
  std::vector<std::shared_ptr<KernelLibrary>> libraries;
  if (options.backend != CpuBackend::reference) {
    std::string why_not;
    if (auto module = load_kernel_module("onednn", &why_not)) {
      libraries.push_back(std::move(module));
    } else if (options.backend == CpuBackend::onednn) {
      throw Error{ErrorCode::unsupported, "cpu device: expected the module onednn, got " + why_not};
    }
  }
  libraries.push_back(std::make_shared<reference::ReferenceLibrary>());
  return make_cpu_device(std::move(libraries), options.threads);
}

}  // namespace troupe::gpu
