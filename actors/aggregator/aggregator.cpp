#include "actors/aggregator/aggregator.hpp"

#include <capnp/message.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/aggregator/step_in_flight.hpp"
#include "actors/job/membership.hpp"
#include "actors/job/training_job.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/executor.hpp"
#include "runtime/actor/services.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/shared_memory.hpp"
#include "runtime/registry.hpp"
#include "runtime/telemetry/log.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/training.capnp.h"

namespace troupe::actors {
namespace {

using namespace runtime;
using namespace std::chrono_literals;
using serialization::make_frame;
using serialization::read_head;

constexpr Duration try_again_after = 2ms;

class Aggregator final : public Actor {
 public:
  Aggregator(Context& context, const Parameters& with)
      : context_{context},
        update_threads_{static_cast<unsigned>(with.integer("update_threads"))},
        staleness_{context.services().metrics.histogram(
            "troupe_aggregator_staleness_versions",
            "How many versions older than its step what a partial sum is computed from was.",
            {.first = 0.5, .factor = 2, .count = 5})},
        membership_{context, with.text("coordinator"), "aggregator"} {}

  void handles(Handlers& on) override {
    on.tell<wire::TrainingPlan>([this](const Frame& frame) { hear_plan(frame); });
    on.tell<wire::Attach>([this](const Frame& frame) {
      std::string path;
      read_head<wire::Attach>(frame, [&](wire::Attach::Reader head) { path = head.getPath(); });
      trainers_.emplace(path, context_.ref(path));
      if (newest_) context_.tell<wire::VersionReady>(trainers_.at(path), version_ready());
    });
    on.ask<wire::PartialSum>([this](const Frame& frame, Reply reply) {
      if (!step_) return reply.refuse("there is no job yet");
      run([step = step_, frame] { return step->add(frame); }, std::move(reply));
    });
    on.ask<wire::WantWork>(
        [this](const Frame& frame, Reply reply) { tell_missing(frame, std::move(reply)); });
  }

 private:
  void hear_plan(const Frame& frame) {
    std::string text, memory;
    read_head<wire::TrainingPlan>(frame, [&](wire::TrainingPlan::Reader head) {
      text = head.getJob();
      memory = head.getMemory();
    });
    if (job_ && job_->text() == text) return;
    newest_.reset();
    step_.reset();
    job_.reset();
    if (text.empty()) return;
    job_ = std::make_shared<TrainingJob>(text);
    const auto shared = context_.memory(memory);
    step_ = std::make_shared<StepInFlight>(job_, shared->writable_bytes(), shared, update_threads_);
  }

  void run(std::function<StepInFlight::Result()> work, Reply reply) {
    // What it throws ends the job, whoever computes it: numbers that are not finite.
    context_.executor({.name = "update"})
        .run_as(
            "update", std::move(work),
            [this, job = job_, reply = std::move(reply)](StepInFlight::Result result) mutable {
              hear(job, result);
              if (reply.open()) reply.answer(version_ready());
            },
            [this, job = job_](const std::exception_ptr& thrown) { fail(job, thrown); });
  }

  void hear(const std::shared_ptr<const TrainingJob>& job, const StepInFlight::Result& result) {
    if (job != job_) return;
    for (const std::uint64_t age : result.ages) staleness_.observe(static_cast<double>(age));
    if (!result.corruption.empty())
      context_.log().error("two copies of a shard differ: memory or arithmetic is broken",
                           {{"where", result.corruption}});
    if (result.newest && (!newest_ || *result.newest > *newest_)) {
      newest_ = result.newest;
      const Frame news = version_ready();
      for (const auto& [path, trainer] : trainers_)
        context_.tell<wire::VersionReady>(trainer, news);
      if (membership_.coordinator())
        context_.tell<wire::VersionReady>(membership_.coordinator(), news);
    }
    // Whatever arrives meanwhile comes to the same end, and would come back as often.
    if (result.try_again && !std::exchange(trying_again_, true)) {
      context_.after(try_again_after, [this] {
        trying_again_ = false;
        if (step_) run([step = step_] { return step->finish(); }, {});
      });
    }
  }

  void fail(const std::shared_ptr<const TrainingJob>& job, const std::exception_ptr& thrown) {
    if (job != job_) return;
    try {
      std::rethrow_exception(thrown);
    } catch (const serialization::MalformedFrame& error) {
      context_.log().warning("a partial sum is malformed", {{"why", error.what()}});
    } catch (const Error& error) {
      if (error.code() != ErrorCode::bad_input) throw;
      context_.log().error(error.what());
      if (membership_.coordinator())
        context_.tell<wire::JobFailed>(membership_.coordinator(),
                                       make_frame<wire::JobFailed>([&](auto head) {
                                         head.setJob(job->id());
                                         head.setReason(error.what());
                                       }));
    }
  }

  void tell_missing(const Frame& frame, Reply reply) {
    std::uint64_t job = 0, step = 0;
    read_head<wire::WantWork>(frame, [&](wire::WantWork::Reader head) {
      job = head.getJob();
      step = head.getStep();
    });
    if (!step_) return reply.refuse("there is no job yet");
    context_.executor({.name = "update"})
        .run([in_flight = step_, job, step] { return in_flight->missing(job, step); },
             [reply = std::move(reply)](const std::vector<Subtree>& missing) mutable {
               reply.answer(make_frame<wire::MissingShards>([&](auto head) {
                 auto nodes = head.initNodes(static_cast<std::uint32_t>(2 * missing.size()));
                 for (std::uint32_t i = 0; i < missing.size(); ++i) {
                   nodes.set(2 * i, missing[i].first);
                   nodes.set(2 * i + 1, missing[i].count);
                 }
               }));
             });
  }

  Frame version_ready() const {
    return make_frame<wire::VersionReady>([this](auto head) {
      head.setJob(job_ ? job_->id() : 0);
      head.setVersion(newest_.value_or(0));
    });
  }

  Context& context_;
  const unsigned update_threads_;
  Histogram& staleness_;
  std::shared_ptr<const TrainingJob> job_;
  std::shared_ptr<StepInFlight> step_;
  std::optional<std::uint64_t> newest_;
  bool trying_again_ = false;
  std::map<std::string, Ref>
      trainers_;           // all that ever attached; to those that ended nothing is sent
  Membership membership_;  // last: it tells when all else is there
};

}  // namespace

void add_aggregator_type(Registry& registry) {
  ActorType type;
  type.name = "aggregator";
  type.help = "Adds up the gradients of a step, and makes the next version of the model.";
  type.origin = "built-in";
  ParameterSchema update_threads{"update_threads", ParameterType::integer,
                                 "How many threads share the update from one version to the next, "
                                 "at most; 0: one for each core. A small model "
                                 "is updated by one."};
  update_threads.default_value = ParameterValue{std::int64_t{0}};
  update_threads.minimum = 0;
  update_threads.maximum = 256;
  type.parameters = {{"coordinator", ParameterType::path, "The job's coordinator."},
                     update_threads};
  type.make = [](Context& context, const Parameters& with) -> std::unique_ptr<Actor> {
    return std::make_unique<Aggregator>(context, with);
  };
  registry.add(std::move(type));
}

}  // namespace troupe::actors
