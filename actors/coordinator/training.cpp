#include "actors/coordinator/training.hpp"

#include <capnp/message.h>

#include <chrono>
#include <utility>

#include "actors/coordinator/micro_batches.hpp"
#include "actors/coordinator/save_order.hpp"
#include "actors/coordinator/standing.hpp"
#include "actors/job/ends_job.hpp"
#include "actors/report/machine_file.hpp"
#include "runtime/actor/executor.hpp"
#include "runtime/actor/name_table.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/shared_memory.hpp"
#include "runtime/telemetry/log.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/training.capnp.h"

namespace troupe::actors {

using namespace runtime;
using namespace std::chrono_literals;
using serialization::make_frame;

namespace {

constexpr Duration look_every = 100ms;
constexpr Duration save_within = 5min;
constexpr Duration save_again_after = 100ms;
/// A trainer that was so slow that it has no shards is tried again after so long.
constexpr Duration forget_slow_after = 30s;
/// A step must become so much shorter for shards to be shared out anew: a trainer that computes others than before has
/// to ask for their batches.
constexpr double worth_sharing_again = 0.9;
constexpr unsigned most_save_refusals = 50;  // in a row

}  // namespace

Training::Training(Context& context, TrainingOptions options, Listener listener)
    : context_{context},
      options_{std::move(options)},
      listener_{std::move(listener)},
      memory_{context.memory(options_.memory)},
      ledger_lock_{context, options_.ledger} {}

Training::~Training() {
  for (const auto& [path, member] : members_) context_.unwatch(member.watch);
  for (const std::uint64_t timer : {timer_, fitting_timer_})
    if (timer != 0) context_.cancel(timer);
}

void Training::start() {
  if (options_.probe) return take_ledger();
  seeking_ = true;
  seek_machine();
}

void Training::seek_machine() {
  refuse_unfit();
  look_for_fitting();
  for (const auto& [path, member] : members_)
    if (member.role == "trainer" && !member.probe && !member.refused) send_plan(member, {});
}

void Training::take_machine(const JobMember& who) {
  if (exhausted_) return;  // another job comes in this one's place
  if (who.exhausted && who.job == options_.job->id() && listener_.on_exhausted) {
    exhausted_ = true;
    return listener_.on_exhausted(who.path + ": " + who.fault);
  }
  if (!who.probe || who.job != options_.job->id()) return seek_machine();
  seeking_ = false;
  look_for_fitting();
  MachineFacts machine = with_probe(who.machine, *who.probe);
  if (options_.job->train().more_shards)
    machine.push_back({shards_fact, std::to_string(options_.job->shards())});
  go_on_with(machine);
  take_ledger();
}

void Training::go_on_with(const MachineFacts& machine) {
  if (const auto probe = probe_in(machine)) {
    options_.probe = probe;
    options_.record.machine = machine;
  }
}

void Training::notify(const std::string& text) {
  context_.log().warning(text);
  if (listener_.on_notice) listener_.on_notice(text);
}

void Training::take_ledger() {
  try {
    ledger_lock_.take([this] { find_where_it_stands(); },
                      [this](const std::string& text) { notify(text); });
  } catch (const Error& error) {
    fail(error);
  }
}

void Training::find_where_it_stands() {
  context_.executor({.name = "train"})
      .run_as(
          "find where the job stands",
          [options = options_, memory = memory_, lock = ledger_lock_.held()] {
            return find_standing(options, *memory, posix_files());
          },
          [this](Standing standing) {
            if (retired_) return;
            for (const std::string& warning : standing.warnings) notify(warning);
            slots_ = VersionSlots::find(memory_->writable_bytes(), options_.job->id());
            try {
              go_on_with(standing.machine);
              open_ledger(standing.in_memory ? std::nullopt : std::optional{standing.version});
            } catch (const Error& error) {
              return fail(error);
            }
            context_.log().info("the job stands",
                                {{"step", standing.version}, {"steps", options_.job->steps()}});
            started();
          },
          [this](const std::exception_ptr& thrown) {
            try {
              std::rethrow_exception(thrown);
            } catch (const Error& error) {
              fail(error);
            }
          });
}

void Training::fail(const Error& error) {
  if (!ends_job(error.code())) throw error;
  if (!retired_) hear_failure(options_.job->id(), one_line(error.what()));
}

void Training::open_ledger(std::optional<std::uint64_t> steps) {
  collector_.emplace(posix_files(), options_.ledger, options_.job, options_.record.data_fingerprint,
                     *slots_, steps);
  collector_->ledger().set_machine(*options_.probe);
}

void Training::started() {
  started_ = true;
  // Versions that are pinned are those that are still to be saved.
  const std::uint64_t newest = slots_->newest().value_or(0);
  saved_through_ = newest;
  for (std::uint64_t version = 1; version <= newest; ++version) {
    if (slots_->pinned(version)) {
      saved_through_ = version - 1;
      break;
    }
  }
  share();
  look();
  collect();
  if (listener_.on_started) listener_.on_started();
}

std::vector<VersionSlots::Held> Training::hold_unsaved() {
  collect();
  collector_->ledger().sync();
  std::vector<VersionSlots::Held> unsaved;
  const std::uint64_t newest = slots_->collected();
  for (std::uint64_t version = 1; version <= newest; ++version) {
    if (version != newest && (version <= saved_through_ || !slots_->pinned(version))) continue;
    if (auto held = slots_->hold(version)) unsaved.push_back(*std::move(held));
  }
  return unsaved;
}

std::optional<std::uint64_t> Training::version() const {
  return started_ ? slots_->newest() : std::nullopt;
}

void Training::join(const JobMember& who) {
  const std::string& role = who.role;
  const std::string& path = who.path;
  const std::uint64_t incarnation = who.incarnation;
  auto [at, fresh] = members_.try_emplace(path);
  Member& member = at->second;
  const bool shows = who.job == options_.job->id();
  const auto probe = shows ? who.probe : std::nullopt;
  const std::string fault = shows ? who.fault : std::string{};
  if (!fresh && member.incarnation == incarnation && member.role == role) {
    if ((!probe && fault.empty()) || (probe == member.probe && fault == member.fault)) return;
    if (probe) member.probe = probe;
    member.fault = fault;
    if (started_) share();
    if (seeking_) take_machine(who);
    return;
  }
  if (!fresh) context_.unwatch(member.watch);
  member = {};
  member.role = role;
  member.incarnation = incarnation;
  member.ref = context_.ref(path);
  member.probe = probe;
  member.fault = fault;
  member.watch = context_.watch(member.ref, [this, path, incarnation](const Change& change) {
    if (change.up || change.incarnation < incarnation) return;
    const auto gone = members_.find(path);
    if (gone == members_.end() || gone->second.incarnation != incarnation) return;
    const bool trainer = gone->second.role == "trainer";
    context_.unwatch(gone->second.watch);
    members_.erase(gone);
    if (trainer && seeking_) look_for_fitting();
    if (trainer) share();
  });
  if (seeking_) return take_machine(who);
  if (!started_) return;
  if (role == "checkpointer") {
    save_next();
  } else if (role == "trainer" && !probe && fault.empty()) {
    send_plan(member, {});  // what to compute the probe of; nothing changes for the others
  } else {
    share();
  }
}

bool Training::admitted(const Member& member) const {
  return member.role == "trainer" && member.probe && member.probe == options_.probe;
}

void Training::refuse_unfit() {
  for (auto& [path, member] : members_) {
    if (member.refused || member.role != "trainer") continue;
    const bool other_bits = member.probe && options_.probe && member.probe != options_.probe;
    if (other_bits || !member.fault.empty()) refuse(path, member);
  }
}

void Training::refuse(const std::string& path, Member& member) {
  member.refused = true;
  refusal_ = path + ": ";
  if (member.fault.empty()) {
    refusal_ += "expected a machine with probe " + serialization::to_hex(*options_.probe) +
                ", got " + serialization::to_hex(*member.probe) +
                ": it computes other bits, and gets no shards";
  } else {
    refusal_ += member.fault;
  }
  context_.log().error(refusal_);
  if (listener_.on_notice) listener_.on_notice(refusal_);
}

void Training::look_for_fitting() {
  bool refused = false, may_fit = false;
  for (const auto& [path, member] : members_) {
    if (member.role != "trainer") continue;
    refused = refused || member.refused;
    may_fit = may_fit || !member.refused;
  }
  if (!refused || may_fit) {
    if (fitting_timer_ != 0) context_.cancel(std::exchange(fitting_timer_, 0));
  } else if (fitting_timer_ == 0) {
    fitting_timer_ = context_.after(options_.fitting_within, [this] {
      fitting_timer_ = 0;
      hear_failure(options_.job->id(), refusal_);
    });
  }
}

void Training::set_loaders(std::vector<std::string> loaders, std::string data) {
  if (loaders == loaders_ && data == data_) return;
  loaders_ = std::move(loaders);
  data_ = std::move(data);
  share();
}

void Training::share() {
  if (!started_ || stopped_) return;
  refuse_unfit();
  look_for_fitting();
  const TrainingJob& job = *options_.job;
  const std::vector<double> trainers = speeds();
  // Synchronous: shards of every step. Asynchronous: whole steps in turn, of which so many may be in flight.
  const std::uint64_t staleness = job.train().staleness;
  const std::uint64_t most = staleness > 0 ? staleness + 1 : job.shards();
  if (trainers.size() > most && !std::exchange(warned_, true))
    context_.log().warning("there are more trainers than can work at once: some have nothing to do",
                           {{"trainers", trainers.size()}, {"most", most}});
  const std::vector<Subtree> shares = share_out(job.shards(), trainers, options_.policy);
  ++generation_;
  std::uint32_t next = 0;
  for (auto& [path, member] : members_) {
    if (!admitted(member)) {
      if (member.role == "aggregator" || member.role == "trainer") send_plan(member, {});
      continue;
    }
    if ((member.share.count == 0) != (shares[next].count == 0)) member.share_since = context_.now();
    member.share = shares[next];
    if (staleness > 0) {
      send_plan(member, {{0, job.shards()}, static_cast<std::uint32_t>(trainers.size()), next});
    } else {
      send_plan(member, {member.share});
    }
    ++next;
  }
}

std::vector<double> Training::speeds() const {
  std::vector<std::optional<double>> told;
  for (const auto& [path, member] : members_)
    if (admitted(member)) told.push_back(member.speed.value());
  return filled_in(told);
}

void Training::hear_pace(const std::string& path, std::uint64_t incarnation, std::uint64_t job,
                         std::uint64_t shards, double seconds) {
  const auto at = members_.find(path);
  if (!started_ || stopped_ || job != options_.job->id() || at == members_.end() ||
      at->second.incarnation != incarnation)
    return;
  at->second.speed.add(shards, seconds);
  if (options_.policy != SharePolicy::least_loaded || options_.job->train().staleness > 0) return;
  for (auto& [other, member] : members_)
    if (member.role == "trainer" && member.share.count == 0 &&
        context_.now() - member.share_since > forget_slow_after)
      member.speed = {};
  const std::vector<double> now = speeds();
  std::vector<Subtree> shares;
  for (const auto& [other, member] : members_)
    if (admitted(member)) shares.push_back(member.share);
  const auto better = share_out(options_.job->shards(), now, options_.policy);
  if (step_time(better, now) > worth_sharing_again * step_time(shares, now)) return;
  context_.log().debug("shards are shared out anew",
                       {{"since", path}, {"is at", *at->second.speed.value()}});
  share();
}

void Training::send_plan(const Member& member, const Lease& lease) {
  std::string aggregator;
  for (const auto& [path, other] : members_)
    if (other.role == "aggregator") aggregator = path;
  if (aggregator.empty()) return;
  context_.tell<wire::TrainingPlan>(member.ref, make_frame<wire::TrainingPlan>([&](auto head) {
                                      if (!stopped_) head.setJob(options_.job->text());
                                      head.setMemory(options_.memory);
                                      head.setAdmitted(admitted(member));
                                      head.setAggregator(aggregator);
                                      head.setData(data_);
                                      auto loaders =
                                          head.initLoaders(static_cast<unsigned>(loaders_.size()));
                                      for (unsigned i = 0; i < loaders_.size(); ++i)
                                        loaders.set(i, loaders_[i]);
                                      auto range = head.initLease();
                                      range.setGeneration(generation_);
                                      range.setFirst(lease.shards.first);
                                      range.setCount(lease.shards.count);
                                      range.setEvery(lease.every);
                                      range.setTurn(lease.turn);
                                    }));
}

void Training::stop() {
  if (stopped_) return;
  stopped_ = true;
  ++generation_;
  for (auto& [path, member] : members_)
    if (member.role == "trainer" || member.role == "aggregator") send_plan(member, {});
}

void Training::retire() {
  stop();
  retired_ = true;
  started_ = false;
  for (const auto& [path, member] : members_) context_.unwatch(member.watch);
  members_.clear();
  for (std::uint64_t* const timer : {&timer_, &fitting_timer_})
    if (*timer != 0) context_.cancel(std::exchange(*timer, 0));
  slots_.reset();
  collector_.reset();
  ledger_lock_.drop();
}

void Training::look() {
  timer_ = context_.after(look_every, [this] {
    collect();
    look();
  });
}

void Training::hear_version(std::uint64_t job) {
  if (started_ && job == options_.job->id()) collect();
}

void Training::hear_failure(std::uint64_t job, const std::string& reason) {
  if (job != options_.job->id() || stopped_) return;
  stop();
  listener_.on_failed(reason);
}

void Training::collect() {
  if (!started_) return;
  try {
    const std::vector<StepRecord> steps = collector_->collect();
    if (!steps.empty() && listener_.on_steps) listener_.on_steps(steps);
    collector_->end_if_complete();
  } catch (const Error& error) {
    return fail(error);
  }
  save_next();
}

serialization::TrainingRecord Training::record() const {
  serialization::TrainingRecord record = options_.record;
  record.seed = options_.job->spec().seed;
  record.ledger_bytes = collector_->ledger().size_bytes();
  const std::vector<LedgerMachine>& machines = collector_->ledger().machines();
  for (std::size_t i = 1; i < machines.size(); ++i)
    record.machine.push_back({new_machine_fact + std::to_string(i),
                              "from step " + std::to_string(machines[i].step) + " on probe " +
                                  serialization::to_hex(machines[i].probe) + ", before " +
                                  serialization::to_hex(machines[i - 1].probe)});
  return record;
}

void Training::save_next() {
  if (!started_ || saving_) return;
  std::uint64_t version = saved_through_ + 1;
  const std::uint64_t newest = slots_->newest().value_or(0);
  while (version <= newest && !slots_->pinned(version)) ++version;
  // A version is saved behind its steps' records.
  if (version > newest || collector_->ledger().steps() < version) return;
  const Member* checkpointer = nullptr;
  for (const auto& [path, member] : members_)
    if (member.role == "checkpointer") checkpointer = &member;
  if (checkpointer == nullptr) return;
  saving_ = true;
  // What a checkpoint says of the ledger must be there when the checkpoint is.
  context_.executor({.name = "train"})
      .run_as(
          "sync the ledger",
          [options = options_, needed = listener_.needed ? listener_.needed() : std::nullopt] {
            posix_files().sync(options.ledger);
            return still_needed(posix_files(), options, needed);
          },
          [this, version, saved = record(), to = checkpointer->ref](const auto& needed) {
            if (retired_) return;
            context_.ask<wire::SaveVersion>(to, save_order(options_, version, saved, needed),
                                            save_within, [this, version](const Answer& answer) {
                                              saving_ = false;
                                              hear_saved(version, answer);
                                            });
          },
          [this](const std::exception_ptr& thrown) {
            try {
              std::rethrow_exception(thrown);
            } catch (const Error& error) {
              fail(error);
            }
          });
}

void Training::hear_saved(std::uint64_t version, const Answer& answer) {
  if (!answer.ok()) {
    context_.log().warning("a version was not saved",
                           {{"version", version}, {"why", answer.failure().text}});
    if (answer.failure().kind == FailureKind::refused && ++save_refusals_ > most_save_refusals)
      return hear_failure(options_.job->id(), "version " + std::to_string(version) +
                                                  " was not saved: " + answer.failure().text);
    context_.after(save_again_after, [this] { save_next(); });
    return;
  }
  std::string folder, hash;
  serialization::read_head<wire::VersionSaved>(answer.frame(),
                                               [&](wire::VersionSaved::Reader head) {
                                                 folder = head.getFolder();
                                                 hash = head.getStateHash();
                                               });
  if (retired_) return;
  save_refusals_ = 0;
  saved_through_ = version;
  slots_->unpin(version);
  if (listener_.on_saved) listener_.on_saved(version, folder, hash);
  save_next();
}

}  // namespace troupe::actors
