#include "tests/faults/job_injector.hpp"

#include <capnp/message.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <thread>

#include "runtime/base/error.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/training.capnp.h"

namespace troupe::faults {

using namespace std::chrono_literals;

namespace {

constexpr auto poll_every = 200us;
constexpr auto moment_within = 300ms;  // for which one waits for the moment to strike
constexpr auto given_up_after = 5s;    // a handler that was to throw was not called
constexpr unsigned most_patience = 4096;
// On the average, unless it takes that long to come back: a disk that is busy may make one start much slower than those
// that were measured.
constexpr auto longest_interval = 10s;

/// Whether a signal has stopped it. False if it is gone.
bool is_stopped(pid_t process) {
  std::ifstream file{"/proc/" + std::to_string(process) + "/stat"};
  std::string stat;
  std::getline(file, stat);
  const std::size_t name_end = stat.rfind(") ");
  return name_end != std::string::npos && stat[name_end + 2] == 'T';
}

void deliver(runtime::Node& node, Kind kind, const std::string& path, pid_t process) {
  if (kind == Kind::segfault || kind == Kind::sigkill) {
    ::kill(process, kind == Kind::segfault ? SIGSEGV : SIGKILL);
    return;
  }
  runtime::FaultOrder order;
  order.path = path;
  if (kind == Kind::exception) order.kind = runtime::FaultOrder::Kind::throw_next;
  node.inject(order);
}

}  // namespace

void JobInjector::run(runtime::Node& node) {
  Clock::time_point next = Clock::now() + interval();
  while (!ended_) {
    settle();
    if (Clock::now() >= next) {
      const bool in_turn = !in_turn_.empty();
      const Target target =
          in_turn ? in_turn_.front() : schedule_.targets[random_() % schedule_.targets.size()];
      if (in_turn) in_turn_.pop_front();
      const std::lock_guard lock{mutex_};
      if (ended_) break;
      const std::uint64_t came_of_it = newest() + measured_;
      patience_ = came_of_it == came_of_it_ ? std::min(2 * patience_, most_patience) : 1;
      came_of_it_ = came_of_it;
      bool struck = false;
      try {
        struck = strike(node, target);
      } catch (const Error&) {  // nothing runs there now
      }
      if (in_turn && !struck) in_turn_.push_back(target);  // again, behind the others
      next = Clock::now() + interval();
    }
    std::this_thread::sleep_for(poll_every);
  }
  settle();
}

void JobInjector::end() {
  ended_ = true;
  const std::lock_guard lock{mutex_};
}

JobInjector::Clock::duration JobInjector::interval() {
  const double u = std::generate_canonical<double, 32>(random_);
  const std::chrono::duration<double> least = 3 * mean_rejoin_;
  const auto mean =
      std::max(least, std::min<std::chrono::duration<double>>(patience_ * least, longest_interval));
  return std::chrono::duration_cast<Clock::duration>(mean * (0.2 + 1.6 * u));
}

std::uint64_t JobInjector::newest() const {
  const auto versions = watch_.versions(job_);
  return versions ? versions->newest().value_or(0) : 0;
}

/// Looks who has come back, and whether the job went on since.
void JobInjector::settle() {
  const std::uint64_t newest = this->newest();
  const Clock::time_point now = Clock::now();
  std::erase_if(open_, [&](Blow& blow) {
    if (!blow.came_back) {
      const test::JobWatch::Seen seen = watch_.at(blow.path);
      if (seen.incarnation == blow.incarnation || !seen.up) return now - blow.at > given_up_after;
      blow.came_back = true;
      blow.version = newest;
      if (blow.target.kind == Kind::exception) blow.at = seen.down_at;  // it was thrown just then
      struck_.add(blow.target);
    }
    if (newest == blow.version) return now - blow.at > given_up_after;  // the last step was made
    ++rejoins_;
    const std::chrono::duration<double> took = now - blow.at;
    mean_rejoin_ += (took - mean_rejoin_) / static_cast<double>(rejoins_);
    return true;
  });
}

std::string JobInjector::path_of(Subject subject) {
  std::string path = "/job/" + std::string{role_of(subject)};
  if (subject == Subject::trainer) path += '/' + std::to_string(random_() % schedule_.trainers);
  if (subject == Subject::loader) path += '/' + std::to_string(random_() % schedule_.loaders);
  if (subject == Subject::evaluator) path += "/0";
  return path;
}

/// @return whether somebody was struck. @throws Error bad_input if nothing runs there.
bool JobInjector::strike(runtime::Node& node, Target target) {
  const std::string path = path_of(target.subject);
  const test::JobWatch::Seen seen = watch_.at(path);
  const bool falling = std::ranges::any_of(
      open_, [&](const Blow& blow) { return blow.path == path && !blow.came_back; });
  if (!seen.up || falling) return false;
  pid_t process = ::getpid();
  if (schedule_.is_isolated(target.subject)) {
    for (const auto& row : node.processes().rows)
      if (row.path == path) process = static_cast<pid_t>(row.pid);
    if (process == ::getpid() || process <= 0) return false;
  }
  std::optional<Subject> hit = target.subject;
  if (target.subject == Subject::aggregator_in_step) {
    hit = strike_in_step(node, target.kind, path, process);
  } else if (target.subject == Subject::aggregator_in_update) {
    hit = strike_in_update(node, target.kind, path, process);
  } else {
    deliver(node, target.kind, path, process);
  }
  if (!hit) return false;
  open_.push_back({{*hit, target.kind}, path, seen.incarnation, Clock::now()});
  return *hit == target.subject;
}

/// Waits until the aggregator says that some shards of its step have arrived, and some have not.
std::optional<Subject> JobInjector::strike_in_step(runtime::Node& node, Kind kind,
                                                   const std::string& path, pid_t process) const {
  const Clock::time_point until = Clock::now() + moment_within;
  const auto versions = watch_.versions(job_);
  while (versions && !ended_ && Clock::now() < until) {
    const std::uint64_t step = versions->newest().value_or(0);
    const runtime::Answer answer =
        node.ask<wire::WantWork>(path, serialization::make_frame<wire::WantWork>([&](auto head) {
                                   head.setJob(job_);
                                   head.setStep(step);
                                 }),
                                 moment_within);
    if (!answer.ok()) return {};
    std::uint32_t missing = 0;
    serialization::read_head<wire::MissingShards>(
        answer.frame(), [&](wire::MissingShards::Reader head) {
          const auto nodes = head.getNodes();
          for (std::uint32_t i = 0; i + 1 < nodes.size(); i += 2) missing += nodes[i + 1];
        });
    if (missing == 0 || missing == schedule_.shards) continue;
    deliver(node, kind, path, process);
    return versions->newest() == step ? Subject::aggregator_in_step : Subject::aggregator;
  }
  return {};
}

/// Waits for a version to be written. A process is stopped then, so that what is struck is sure to be in the middle.
std::optional<Subject> JobInjector::strike_in_update(runtime::Node& node, Kind kind,
                                                     const std::string& path, pid_t process) const {
  const Clock::time_point until = Clock::now() + moment_within;
  const auto versions = watch_.versions(job_);
  while (versions && !ended_ && Clock::now() < until) {
    const auto newest = versions->newest();
    if (!versions->being_written_by(process)) continue;
    if (process == ::getpid()) {
      deliver(node, kind, path, process);
      return versions->newest() == newest ? Subject::aggregator_in_update : Subject::aggregator;
    }
    ::kill(process, SIGSTOP);
    while (Clock::now() < until && !is_stopped(process)) {
    }
    const bool caught = is_stopped(process) && versions->being_written_by(process);
    if (caught) deliver(node, kind, path, process);
    ::kill(process, SIGCONT);
    if (caught) return Subject::aggregator_in_update;
  }
  return {};
}

}  // namespace troupe::faults
