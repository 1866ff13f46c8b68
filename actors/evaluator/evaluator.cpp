#include "actors/evaluator/evaluator.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "actors/evaluator/evaluate_part.hpp"
#include "actors/evaluator/evaluate_spec.hpp"
#include "actors/evaluator/evaluation_messages.hpp"
#include "actors/job/gpu_options.hpp"
#include "actors/job/membership.hpp"
#include "gpu/cpu_device.hpp"
#include "gpu/cuda_device.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/executor.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "serialization/schema/evaluation.capnp.h"

namespace troupe::actors {
namespace {

using runtime::Frame;
using runtime::Parameters;
using runtime::ParameterType;
using runtime::Reply;

constexpr std::size_t most_waiting = 256;
constexpr std::array<std::string_view, 3> backends = {"automatic", "reference", "onednn"};

/// What the executor's thread has: the device, and what was loaded last.
class Bench {
 public:
  Bench(gpu::CpuOptions cpu, GpuOptions gpu, OpenRows open)
      : cpu_{cpu}, gpu_{std::move(gpu)}, open_{std::move(open)} {}

  /// @throws Error bug where the device is lost, so that only another process can go on.
  Frame evaluate(const PartOrder& order, const std::stop_token& stop) {
    try {
      return counts(order, stop);
    } catch (const Error& error) {
      const bool lost = kind_ == DeviceKind::cuda && error.code() == ErrorCode::disconnected &&
                        !stop.stop_requested();
      if (lost) throw Error{ErrorCode::bug, error.what()};
      throw;
    }
  }

 private:
  Frame counts(const PartOrder& order, const std::stop_token& stop) {
    load(order);
    std::vector<SpecProblem> problems;
    SpecReader section = SpecReader::parse(order.spec, problems);
    const EvaluateSpec spec = read_evaluate(section, model_->prepared.classes);
    throw_if_any(problems, "evaluate");
    use(spec.device);
    if (!runner_ || runner_->rows() != spec.batch)
      runner_.emplace(model_, *device_, spec.batch, cpu_.threads);
    const EvaluationCounts counts =
        evaluate_part(*runner_, *rows_, spec.top_k, order.part, order.parts, stop);
    return counts_frame(counts, model_->step);
  }

  void use(DeviceKind kind) {
    if (device_ != nullptr && kind_ == kind) return;
    runner_.reset();
    device_.reset();
    kind_ = kind;
    if (kind == DeviceKind::cpu) {
      device_ = gpu::make_cpu_device(cpu_);
    } else {
      device_ = gpu::make_cuda_device({.index = gpu_.index, .plan_cache = gpu_.plan_cache});
    }
  }

  /// Checkpoints and prepared data never change under a name, so a name tells whether it is what is here.
  void load(const PartOrder& order) {
    if (model_ == nullptr || checkpoint_ != order.checkpoint) {
      runner_.reset();
      rows_.reset();
      model_.reset();
      model_ = load_model(posix_files(), order.checkpoint);
      checkpoint_ = order.checkpoint;
    }
    if (rows_ == nullptr || data_ != order.data || split_ != order.split) {
      rows_.reset();
      rows_ = open_(model_, order.data, order.split);
      data_ = order.data;
      split_ = order.split;
    }
  }

  gpu::CpuOptions cpu_;
  GpuOptions gpu_;
  OpenRows open_;
  DeviceKind kind_ = DeviceKind::cpu;
  std::unique_ptr<gpu::Device> device_;
  std::string checkpoint_, data_, split_;
  std::shared_ptr<const SavedModel> model_;
  std::optional<ModelRunner> runner_;
  std::unique_ptr<RowSource> rows_;
};

class Evaluator final : public runtime::Actor {
 public:
  Evaluator(runtime::Context& context, const Parameters& with, const OpenRows& open)
      : executor_{context.executor(executor_options(with))},
        membership_{context, with.text("coordinator"), "evaluator"} {
    gpu::CpuOptions options;
    options.threads = static_cast<int>(with.integer("threads"));
    options.backend = static_cast<gpu::CpuBackend>(
        std::ranges::find(backends, with.text("backend")) - backends.begin());
    bench_ = std::make_shared<Bench>(options, gpu_options_of(context.path(), with), open);
  }

  void handles(runtime::Handlers& on) override {
    on.ask<wire::EvaluatePart>(
        [this](const Frame& frame, Reply reply) { evaluate(frame, std::move(reply)); });
  }

 private:
  static runtime::ExecutorOptions executor_options(const Parameters& with) {
    runtime::ExecutorOptions options;
    options.name = "evaluator";
    options.max_queued = most_waiting;
    options.deadline = with.duration("part_within");
    return options;
  }

  void evaluate(const Frame& frame, Reply reply) {
    PartOrder order = read_part_order(frame);
    if (executor_.queued() >= most_waiting) {
      reply.refuse("the evaluator has " + std::to_string(most_waiting) + " parts waiting");
      return;
    }
    // Both answers need the reply, and only one of them is given.
    auto kept = std::make_shared<Reply>(std::move(reply));
    std::string label = "part " + std::to_string(order.part) + " of " + order.checkpoint;
    executor_.run_as(
        std::move(label),
        [bench = bench_, order = std::move(order)](std::stop_token stop) {
          return bench->evaluate(order, stop);
        },
        [kept](const Frame& counts) { kept->answer(counts); },
        [kept](const std::exception_ptr& thrown) {
          try {
            std::rethrow_exception(thrown);
          } catch (const Error& error) {  // of what was asked for, or of the disk: it can be told
            if (error.code() == ErrorCode::bug) throw;
            kept->refuse(one_line(error.what()));
          }
        });
  }

  runtime::Executor& executor_;
  std::shared_ptr<Bench> bench_;  // of the executor's thread
  Membership membership_;
};

}  // namespace

void add_evaluator_types(runtime::Registry& registry, OpenRows open) {
  using namespace std::chrono_literals;
  runtime::ActorType type;
  type.name = "evaluator";
  type.help = "Measures versions of a model on parts of a split.";
  type.origin = "built-in";
  runtime::ParameterSchema threads{"threads", ParameterType::integer,
                                   "Threads that one batch is computed with."};
  threads.default_value = runtime::ParameterValue{std::int64_t{1}};
  threads.minimum = 1;
  threads.maximum = 256;
  threads.belongs_to = runtime::BelongsTo::job;
  runtime::ParameterSchema backend{"backend", ParameterType::text, "The CPU's kernels."};
  backend.default_value = runtime::ParameterValue{std::string{backends[0]}};
  backend.choices = {backends.begin(), backends.end()};
  backend.belongs_to = runtime::BelongsTo::job;
  runtime::ParameterSchema within{"part_within", ParameterType::duration,
                                  "How long one part may take before it is given up."};
  within.default_value = runtime::ParameterValue{Duration{10min}};
  within.minimum = 0.001;
  runtime::ParameterSchema coordinator{"coordinator", ParameterType::path,
                                       "The job's coordinator."};
  type.parameters = {coordinator, threads, backend, within};
  for (runtime::ParameterSchema& parameter : gpu_parameters())
    type.parameters.push_back(std::move(parameter));
  type.make = [open = std::move(open)](runtime::Context& context, const Parameters& with) {
    return std::make_unique<Evaluator>(context, with, open);
  };
  registry.add(std::move(type));
}

}  // namespace troupe::actors
