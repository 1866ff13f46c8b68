#include "actors/trainer/trainer.hpp"

#include <capnp/message.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "actors/job/membership.hpp"
#include "actors/job/training_job.hpp"
#include "actors/trainer/probe.hpp"
#include "actors/trainer/shard_runner.hpp"
#include "actors/versions/version_slots.hpp"
#include "gpu/cpu_device.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/executor.hpp"
#include "runtime/base/canonical_tree.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/shared_memory.hpp"
#include "runtime/registry.hpp"
#include "runtime/telemetry/log.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/data.capnp.h"
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

class Trainer final : public Actor {
 public:
  Trainer(Context& context, const Parameters& with)
      : context_{context},
        prefetch_{static_cast<std::uint64_t>(with.integer("prefetch"))},
        backup_after_{with.duration("backup_after")},
        loader_{with.text("loader")},
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
  /// A shard's inputs, from when they are asked for.
  struct Batch {
    bool here = false;
    Frame frame;  // owns the inputs
    ShardInputs inputs;
  };
  struct Sent {
    Frame sum;
    bool heard = false;
  };
  /// What is summed up and sent as one: shards of a step that are a node of the canonical tree.
  struct Part {
    std::uint64_t step = 0;
    Subtree node;
    friend bool operator<(const Part& a, const Part& b) {
      return std::tie(a.step, a.node.first, a.node.count) <
             std::tie(b.step, b.node.first, b.node.count);
    }
  };
  /// A sum, and how long it took; empty if the part is not wanted any more.
  struct Computed {
    Frame sum;
    Duration took{};
  };
  /// What lives on the executor's thread.
  struct Worker {
    std::shared_ptr<const TrainingJob> job;
    std::unique_ptr<gpu::Device> device;
    std::unique_ptr<ShardRunner> runner;
  };

  void hear_plan(const Frame& frame) {
    std::string text, memory, aggregator;
    std::vector<std::string> loaders;
    read_head<wire::TrainingPlan>(frame, [&](wire::TrainingPlan::Reader head) {
      text = head.getJob();
      memory = head.getMemory();
      aggregator = head.getAggregator();
      for (const auto loader : head.getLoaders()) loaders.emplace_back(loader);
      generation_ = 0;  // of another coordinator
      hear_lease(head.getLease());
      admitted_ = head.getAdmitted();
    });
    loaders_.clear();
    if (!loader_.empty()) loaders = {loader_};
    for (const std::string& loader : loaders) loaders_.push_back(context_.ref(loader));
    if (text.empty()) {  // nothing to do any more
      forget_job();
      return;
    }
    if (!job_ || job_->text() != text) {
      forget_job();
      job_ = std::make_shared<TrainingJob>(text);
      memory_ = context_.memory(memory);
    }
    if (!admitted_) return show_probe();
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
  void show_probe() {
    context_.executor({.name = "shards"})
        .run_as(
            "probe", [job = job_] { return probe_here(*job); },
            [this, job = job_](const serialization::Xxh3Digest& probe) {
              if (job == job_) membership_.show(job->id(), probe);
            });
  }

  void forget_job() {
    job_.reset();
    slots_.reset();
    batches_.clear();
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
    if (*newest != step_ || !begun_) begin_step(*newest);
    if (step_ >= job_->steps()) return;
    prefetch();
    if (!busy_) compute_next();
  }

  void begin_step(std::uint64_t step) {
    begun_ = true;
    step_ = step;
    std::erase_if(sent_, [this](const auto& item) { return item.first.step < step_; });
    extra_.reset();
    asked_for_work_ = false;
    std::erase_if(batches_, [this](const auto& item) { return item.first.first < step_; });
  }

  bool leased(std::uint64_t step) const { return step % every_ == turn_; }
  /// Steps below this one may be computed now: the next, and those that may be from a version older than their own.
  std::uint64_t window_end() const {
    return std::min(step_ + job_->train().staleness + 1, job_->steps());
  }

  /// What may be computed now, in order.
  std::vector<Part> parts() const {
    std::vector<Part> result;
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
    for (const Part& part : parts()) want(part.step, part.node);
    std::uint64_t left = prefetch_;
    for (std::uint64_t step = window_end(); left > 0 && step < job_->steps(); ++step) {
      if (!leased(step)) continue;
      want(step, lease_);
      --left;
    }
  }

  void want(std::uint64_t step, Subtree shards) {
    if (loaders_.empty()) return;
    for (std::uint32_t s = shards.first; s < shards.first + shards.count; ++s) {
      if (batches_.try_emplace({step, s}).second) load(step, s);
    }
  }

  void load(std::uint64_t step, std::uint32_t shard) {
    const Ref& from = loaders_[(step * job_->shards() + shard) % loaders_.size()];
    const std::uint64_t job = job_->id();
    context_.ask<wire::LoadShard>(
        from, make_frame<wire::LoadShard>([&](auto head) {
          head.setFirstPosition(job_->first_position(step, shard));
          head.setRows(job_->shard_rows());
        }),
        answer_within, [this, job, step, shard](const Answer& answer) {
          const auto at = batches_.find({step, shard});
          if (!job_ || job_->id() != job || at == batches_.end()) return;
          if (answer.ok()) {
            take(at->second, answer.frame(), job_->first_position(step, shard));
            advance();
          } else {
            context_.log().debug(
                "no batch", {{"step", step}, {"shard", shard}, {"why", answer.failure().text}});
            context_.after(try_again_after, [this, step, shard] {
              const auto waiting = batches_.find({step, shard});
              if (waiting == batches_.end() || waiting->second.here) return;
              if (loaders_.empty()) {
                batches_.erase(waiting);  // asked for anew when there is a loader
              } else {
                load(step, shard);
              }
            });
          }
        });
  }

  static void take(Batch& batch, const Frame& frame, std::uint64_t position) {
    Batch read;
    read.frame = frame;
    read_head<wire::LoadedShard>(frame, [&](wire::LoadedShard::Reader head) {
      const auto digest = head.getDigest();
      if (head.getFirstPosition() != position || digest.size() != sizeof(ShardDigest))
        throw serialization::MalformedFrame{"loaded shard: another one than was asked for"};
      std::memcpy(read.inputs.digest.data(), digest.begin(), sizeof(ShardDigest));
    });
    for (std::size_t i = 0; i < frame.payload_count(); ++i)
      read.inputs.inputs.push_back(frame.payload(i));
    read.here = true;
    batch = std::move(read);
  }

  bool ready(const Part& part) const {
    for (std::uint32_t s = part.node.first; s < part.node.first + part.node.count; ++s) {
      const auto at = batches_.find({part.step, s});
      if (at == batches_.end() || !at->second.here) return false;
    }
    return true;
  }

  void compute_next() {
    bool all_sent = true;
    for (const Part& part : parts()) {
      if (sent_.contains(part)) continue;
      all_sent = false;
      if (ready(part)) return compute(part);
    }
    if (all_sent && !asked_for_work_) {
      asked_for_work_ = true;
      const std::uint64_t step = step_;
      context_.after(backup_after_, [this, step] {
        if (job_ && step == step_) ask_for_work();
      });
    }
  }

  void compute(const Part& part) {
    busy_ = true;
    const std::uint64_t step = part.step;
    const Subtree node = part.node;
    std::vector<ShardInputs> inputs;
    std::vector<Frame> owners;
    for (std::uint32_t s = node.first; s < node.first + node.count; ++s) {
      const Batch& batch = batches_.at({step, s});
      inputs.push_back(batch.inputs);
      owners.push_back(batch.frame);
    }
    if (!worker_ || worker_->job != job_) {
      worker_ = std::make_shared<Worker>();
      worker_->job = job_;
    }
    // The memory is captured, since the version lies in it.
    context_.executor({.name = "shards"})
        .run_as(
            "shards of step " + std::to_string(step),
            [worker = worker_, slots = *slots_, memory = memory_, step, node,
             inputs = std::move(inputs), owners = std::move(owners)]() mutable -> Computed {
              if (!worker->runner) {
                worker->device =
                    gpu::make_cpu_device({.threads = worker->job->spec().threads_per_shard});
                worker->runner = std::make_unique<ShardRunner>(worker->job, *worker->device);
              }
              const auto held = slots.hold_newest();
              if (!held || held->version() > step ||  // the step is past
                  step - held->version() > worker->job->train().staleness)
                return {};
              const auto began = std::chrono::steady_clock::now();
              Frame sum = worker->runner->sum(step, node, inputs, held->version(), held->state());
              return {std::move(sum), std::chrono::steady_clock::now() - began};
            },
            [this, job = job_->id(), part](Computed computed) {
              busy_ = false;
              if (job_ && job_->id() == job && !computed.sum.empty()) {
                tell_pace(part.node.count, computed.took);
                if (part.step >= step_) {
                  sent_[part] = {std::move(computed.sum), false};
                  send(part);
                }
              }
              advance();
            });
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

  void send(const Part& part) {
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
  std::vector<Ref> loaders_;
  Ref aggregator_;
  std::uint64_t aggregator_watch_ = 0;

  std::shared_ptr<const TrainingJob> job_;
  std::shared_ptr<SharedMemory> memory_;
  std::optional<VersionSlots> slots_;
  std::shared_ptr<Worker> worker_;
  std::uint64_t generation_ = 0;
  Subtree lease_;  // a range, not always a node, of steps with step % every_ == turn_
  std::uint64_t every_ = 1, turn_ = 0;
  std::optional<Subtree> extra_;  // in the place of somebody slow, in this step
  bool admitted_ = false;
  bool begun_ = false;
  std::uint64_t step_ = 0;
  bool busy_ = false;
  bool asked_for_work_ = false;
  std::map<std::pair<std::uint64_t, std::uint32_t>, Batch> batches_;  // by step and shard
  std::map<Part, Sent> sent_;                                         // of this step and later ones
  TimePoint pace_told_at_{};
  std::uint64_t paced_shards_ = 0;  // since then
  Duration paced_{};                // that they took

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
  type.make = [](Context& context, const Parameters& with) -> std::unique_ptr<Actor> {
    return std::make_unique<Trainer>(context, with);
  };
  registry.add(std::move(type));
}

}  // namespace troupe::actors
