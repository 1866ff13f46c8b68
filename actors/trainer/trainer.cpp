#include "actors/trainer/trainer.hpp"

#include <capnp/message.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/job/gpu_options.hpp"
#include "actors/job/membership.hpp"
#include "actors/job/training_job.hpp"
#include "actors/trainer/machine_teller.hpp"
#include "actors/trainer/shard_batches.hpp"
#include "actors/trainer/shard_worker.hpp"
#include "actors/trainer/solo_training.hpp"
#include "actors/trainer/trainer_metrics.hpp"
#include "actors/versions/version_slots.hpp"
#include "gpu/device.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/executor.hpp"
#include "runtime/actor/services.hpp"
#include "runtime/base/canonical_tree.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/shared_memory.hpp"
#include "runtime/registry.hpp"
#include "runtime/telemetry/log.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/training.capnp.h"

namespace troupe::actors {
namespace {

using namespace runtime;
using namespace std::chrono_literals;
using serialization::make_frame;
using serialization::read_head;

constexpr Duration answer_within = 10s;
constexpr Duration try_again_after = 20ms;
constexpr Duration look_every = 250ms;  // whether a message was lost
constexpr Duration tell_pace_every = 1s;
constexpr Duration alone_for = 200ms;  // until the job's versions move to the device

class Trainer final : public Actor {
 public:
  Trainer(Context& context, const Parameters& with)
      : context_{context},
        prefetch_{static_cast<std::uint64_t>(with.integer("prefetch"))},
        backup_after_{with.duration("backup_after")},
        loader_{with.text("loader")},
        gpu_{gpu_options_of(context.path(), with)},
        metrics_{context.services().metrics, context.path()},
        batches_{context, [this] { advance(); }},
        membership_{context, with.text("coordinator"), "trainer"} {
    look();
  }

  void handles(Handlers& on) override {
    on.tell<wire::TrainingPlan>([this](const Frame& frame) { hear_plan(frame); });
    on.tell<wire::Lease>([this](const Frame& frame) {
      read_head<wire::Lease>(frame, [this](wire::Lease::Reader head) { hear_lease(head); });
      advance();
    });
    on.tell<wire::VersionReady>([this](const Frame&) { advance(); });
  }

 private:
  struct Sent {
    Frame sum;
    bool heard = false;
  };
  void hear_plan(const Frame& frame) {
    std::string text, memory, aggregator;
    std::vector<std::string> loaders;
    read_head<wire::TrainingPlan>(frame, [&](wire::TrainingPlan::Reader head) {
      text = head.getJob();
      memory = head.getMemory();
      aggregator = head.getAggregator();
      data_ = loader_.empty() ? std::string{head.getData()} : std::string{};
      for (const auto loader : head.getLoaders()) loaders.emplace_back(loader);
      generation_ = 0;  // of another coordinator
      hear_lease(head.getLease());
      admitted_ = head.getAdmitted();
    });
    if (!loader_.empty()) loaders = {loader_};
    batches_.set_loaders(loaders);
    if (text.empty()) {  // nothing to do any more
      forget_job();
      return;
    }
    if (!job_ || job_->text() != text) {
      forget_job();
      job_ = std::make_shared<TrainingJob>(text);
      batches_.begin(job_);
      memory_ = context_.memory(memory);
    }
    if (!failure_.empty())
      tell_failure(job_->id(), failure_);  // the first time it may have been lost
    if (!admitted_) return show_machine();
    const Ref to = context_.ref(aggregator);
    if (!(to == aggregator_)) {
      if (aggregator_watch_ != 0) context_.unwatch(aggregator_watch_);
      aggregator_ = to;
      aggregator_watch_ = context_.watch(aggregator_, [this](const Change& change) {
        if (change.up) attach();
      });
    } else {
      attach();
    }
    advance();
  }

  /// The coordinator leases shards to those alone whose machine computes the job's bits (JOB-6).
  void show_machine() {
    machine_.show(worker(), [this](bool on_device) { on_device_ = on_device; });
  }

  const std::shared_ptr<ShardWorker>& worker() {
    if (!worker_ || worker_->job() != job_) worker_ = std::make_shared<ShardWorker>(job_, gpu_);
    return worker_;
  }

  void forget_job() {
    end_solo();
    metrics_.forget_times();
    on_device_ = false;
    machine_.forget();
    failure_.clear();
    job_.reset();
    slots_.reset();
    batches_.begin({});
    sent_.clear();
    extra_.reset();
    step_ = 0;
  }

  void hear_lease(wire::Lease::Reader head) {
    if (head.getGeneration() <= generation_) return;
    generation_ = head.getGeneration();
    lease_ = {head.getFirst(), head.getCount()};
    every_ = std::max<std::uint64_t>(head.getEvery(), 1);
    turn_ = head.getTurn();
  }

  /// A new aggregator knows nothing of what the one before was told.
  void attach() {
    if (!job_) return;
    context_.tell<wire::Attach>(aggregator_, make_frame<wire::Attach>([this](auto head) {
                                  head.setJob(job_->id());
                                  head.setPath(context_.path());
                                }));
    for (auto& [part, sent] : sent_) {
      sent.heard = false;
      send(part);
    }
  }

  void look() {
    context_.after(look_every, [this] {
      advance();
      look();
    });
  }

  void advance() {
    if (!job_ || !admitted_) return;
    if (!slots_) slots_ = VersionSlots::find(memory_->writable_bytes(), job_->id());
    if (!slots_) return;
    const auto newest = slots_->newest();
    if (!newest) return;
    if (train_alone()) return;
    if (*newest != step_ || !begun_) begin_step(*newest);
    if (step_ >= job_->steps()) return;
    prefetch();
    if (!busy_) compute_next();
  }

  /// Whether the job is this one's alone, on a device that can then keep the versions.
  bool is_alone() const {
    return on_device_ && lease_.first == 0 && lease_.count == job_->shards() && every_ == 1 &&
           job_->train().staleness == 0;
  }

  /// @return whether the job's steps are solo_'s
  bool train_alone() {
    if (const auto solo = solo_) {
      is_alone() ? solo->advance() : solo->leave();
      return true;
    }
    if (!is_alone()) alone_since_ = TimePoint::max();
    if (!is_alone() || busy_ || !batches_.has_loaders()) return false;
    // Others may be about to come: then nothing need be brought to the device and back.
    alone_since_ = std::min(alone_since_, context_.now());
    if (context_.now() - alone_since_ < alone_for) return false;
    sent_.clear();
    begun_ = false;
    solo_ = std::make_shared<SoloTraining>(
        context_, SoloOptions{worker(), *slots_, memory_, prefetch_, data_}, batches_, metrics_,
        SoloTraining::Listener{
            [this, job = job_->id()](std::uint64_t version) { tell_version(job, version); },
            [this, job = job_->id()](const std::string& reason) { tell_failure(job, reason); },
            [this] {
              end_solo();
              advance();
            }});
    const auto solo = solo_;
    solo->advance();
    return true;
  }

  void end_solo() {
    if (!solo_) return;
    solo_->end();
    solo_.reset();
    metrics_.forget_times();
    alone_since_ = TimePoint::max();
    context_.executor({.name = "shards"})
        .run([worker = worker_] { worker->drop_resident(); }, [] {});
  }

  void tell_version(std::uint64_t job, std::uint64_t version) {
    if (!membership_.coordinator()) return;
    context_.tell<wire::VersionReady>(membership_.coordinator(),
                                      make_frame<wire::VersionReady>([&](auto head) {
                                        head.setJob(job);
                                        head.setVersion(version);
                                      }));
  }

  void tell_failure(std::uint64_t job, const std::string& reason) {
    if (std::exchange(failure_, reason) != reason) context_.log().error(reason);
    if (!membership_.coordinator()) return;
    context_.tell<wire::JobFailed>(membership_.coordinator(),
                                   make_frame<wire::JobFailed>([&](auto head) {
                                     head.setJob(job);
                                     head.setReason(reason);
                                   }));
  }

  void begin_step(std::uint64_t step) {
    begun_ = true;
    step_ = step;
    std::erase_if(sent_, [this](const auto& item) { return item.first.step < step_; });
    extra_.reset();
    asked_for_work_ = false;
    batches_.forget_before(step_);
  }

  bool leased(std::uint64_t step) const { return step % every_ == turn_; }
  /// Steps below this one may be computed now: the next, and those that may be from a version older than their own.
  std::uint64_t window_end() const {
    return std::min(step_ + job_->train().staleness + 1, job_->steps());
  }

  /// What may be computed now, in order.
  std::vector<StepPart> parts() const {
    std::vector<StepPart> result;
    if (extra_) result.push_back({step_, *extra_});
    if (lease_.count == 0 || lease_.first + lease_.count > job_->shards()) return result;
    const std::vector<Subtree> nodes = maximal_subtrees(lease_, job_->shards());
    for (std::uint64_t step = step_; step < window_end(); ++step) {
      if (!leased(step)) continue;
      for (const Subtree node : nodes) result.push_back({step, node});
    }
    return result;
  }

  void prefetch() {
    for (const StepPart& part : parts()) batches_.want(part);
    std::uint64_t left = prefetch_;
    for (std::uint64_t step = window_end(); left > 0 && step < job_->steps(); ++step) {
      if (!leased(step)) continue;
      batches_.want({step, lease_});
      --left;
    }
  }

  void compute_next() {
    bool all_sent = true;
    for (const StepPart& part : parts()) {
      if (sent_.contains(part)) continue;
      all_sent = false;
      if (batches_.ready(part)) return compute(part);
    }
    if (all_sent && !asked_for_work_) {
      asked_for_work_ = true;
      const std::uint64_t step = step_;
      context_.after(backup_after_, [this, step] {
        if (job_ && step == step_) ask_for_work();
      });
    }
  }

  void compute(const StepPart& part) {
    busy_ = true;
    // The memory is captured, since the version lies in it.
    context_.executor({.name = "shards"})
        .run_as(
            "shards of step " + std::to_string(part.step),
            [worker = worker(), slots = *slots_, memory = memory_, part,
             inputs = batches_.inputs(part),
             measures = on_device_ && context_.now() - pace_told_at_ >= tell_pace_every]() mutable {
              worker->drop_resident();  // the versions are others' as well
              return worker->sum(part, inputs.shards, slots, measures);
            },
            [this, job = job_->id(), part](ShardWorker::Sum computed) {
              busy_ = false;
              if (job_ && job_->id() == job && !computed.frame.empty()) {
                if (computed.measured) tell(*computed.measured);
                tell_pace(part.node.count, computed.took);
                if (part.step >= step_) {
                  sent_[part] = {std::move(computed.frame), false};
                  send(part);
                }
              }
              advance();
            });
  }

  void tell(const ShardWorker::Measured& measured) {
    if (measured.use) metrics_.set(*measured.use);
    if (measured.times) metrics_.set(*measured.times, measured.flops, measured.peak);
  }

  void tell_pace(std::uint64_t shards, Duration took) {
    paced_shards_ += shards;
    paced_ += took;
    if (context_.now() - pace_told_at_ < tell_pace_every || !membership_.coordinator()) return;
    pace_told_at_ = context_.now();
    context_.tell<wire::Pace>(membership_.coordinator(), make_frame<wire::Pace>([&](auto head) {
                                head.setPath(context_.path());
                                head.setIncarnation(context_.incarnation());
                                head.setJob(job_->id());
                                head.setShards(std::exchange(paced_shards_, 0));
                                head.setNanoseconds(static_cast<std::uint64_t>(
                                    std::exchange(paced_, Duration{}).count()));
                              }));
  }

  void send(const StepPart& part) {
    const std::uint64_t job = job_->id();
    context_.ask<wire::PartialSum>(aggregator_, sent_.at(part).sum, answer_within,
                                   [this, job, part](const Answer& answer) {
                                     if (!job_ || job_->id() != job || !sent_.contains(part))
                                       return advance();
                                     if (answer.ok()) {
                                       sent_.at(part).heard = true;
                                       return advance();
                                     }
                                     context_.after(try_again_after, [this, job, part] {
                                       if (!job_ || job_->id() != job) return;
                                       const auto at = sent_.find(part);
                                       if (at != sent_.end() && !at->second.heard) send(part);
                                     });
                                   });
  }

  /// Stragglers are met by computing their shards here too (MapReduce's backup tasks; Dean and Ghemawat, OSDI 2004,
  /// section 3.6).
  void ask_for_work() {
    const std::uint64_t step = step_, job = job_->id();
    context_.ask<wire::WantWork>(
        aggregator_, make_frame<wire::WantWork>([&](auto head) {
          head.setJob(job);
          head.setStep(step);
        }),
        answer_within, [this, job, step](const Answer& answer) {
          if (!job_ || job_->id() != job || step != step_) return;
          asked_for_work_ = false;
          if (answer.ok()) {
            std::vector<Subtree> missing;
            read_head<wire::MissingShards>(answer.frame(), [&](wire::MissingShards::Reader head) {
              const auto nodes = head.getNodes();
              for (std::uint32_t i = 0; i + 1 < nodes.size(); i += 2)
                missing.push_back({nodes[i], nodes[i + 1]});
            });
            std::erase_if(missing, [this](Subtree node) {
              return !is_subtree(node, job_->shards()) || sent_.contains({step_, node});
            });
            // Not everybody the same one.
            if (!missing.empty()) extra_ = missing[context_.incarnation() % missing.size()];
          }
          advance();
        });
  }

  Context& context_;
  const std::uint64_t prefetch_;
  const Duration backup_after_;
  const std::string loader_;
  const GpuOptions gpu_;
  TrainerMetrics metrics_;
  std::string
      data_;  // the folder of prepared data that batches may be made of here; empty: only loaders make them
  Ref aggregator_;
  std::uint64_t aggregator_watch_ = 0;

  std::shared_ptr<const TrainingJob> job_;
  std::shared_ptr<SharedMemory> memory_;
  std::optional<VersionSlots> slots_;
  std::shared_ptr<ShardWorker> worker_;
  bool on_device_ = false;  // with memory of its own
  std::string failure_;     // why the job cannot go on
  TimePoint alone_since_ = TimePoint::max();
  std::shared_ptr<SoloTraining> solo_;
  std::uint64_t generation_ = 0;
  Subtree lease_;  // a range, not always a node, of steps with step % every_ == turn_
  std::uint64_t every_ = 1, turn_ = 0;
  std::optional<Subtree> extra_;  // in the place of somebody slow, in this step
  bool admitted_ = false;
  bool begun_ = false;
  std::uint64_t step_ = 0;
  bool busy_ = false;
  bool asked_for_work_ = false;
  ShardBatches batches_;
  std::map<StepPart, Sent> sent_;  // of this step and later ones
  TimePoint pace_told_at_{};
  std::uint64_t paced_shards_ = 0;  // since then
  Duration paced_{};                // that they took

  MachineTeller machine_{context_, membership_};
  Membership membership_;  // last: it tells when all else is there
};

}  // namespace

void add_trainer_type(Registry& registry) {
  ParameterSchema coordinator{"coordinator", ParameterType::path, "The job's coordinator."};
  ParameterSchema loader{
      "loader", ParameterType::text,
      "Where batches come from, an absolute path; empty: all loaders of the job in turn."};
  loader.default_value = ParameterValue{std::string{}};
  ParameterSchema prefetch{
      "prefetch", ParameterType::integer,
      "Batches of so many steps are asked for ahead of the one that is computed."};
  prefetch.default_value = ParameterValue{std::int64_t{2}};
  prefetch.minimum = 0;
  prefetch.maximum = 64;
  ParameterSchema backup_after{
      "backup_after", ParameterType::duration,
      "How long it waits for others in a step until it computes their shards too."};
  backup_after.default_value = ParameterValue{Duration{1s}};
  backup_after.minimum = 0.001;
  ActorType type;
  type.name = "trainer";
  type.help = "Computes the gradients of the shards that it is leased.";
  type.origin = "built-in";
  type.parameters = {coordinator, loader, prefetch, backup_after};
  for (ParameterSchema& parameter : gpu_parameters())
    type.parameters.push_back(std::move(parameter));
  type.make = [](Context& context, const Parameters& with) -> std::unique_ptr<Actor> {
    return std::make_unique<Trainer>(context, with);
  };
  registry.add(std::move(type));
}

}  // namespace troupe::actors
