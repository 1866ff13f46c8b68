#include <unistd.h>
#include <caf/actor_registry.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/atom.hpp>
#include <caf/io/middleman.hpp>
#include <caf/node_id.hpp>
#include <caf/ref_counted.hpp>
#include <caf/resumable.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "runtime/actor/cell.hpp"
#include "runtime/actor/host.hpp"
#include "runtime/actor/inbox.hpp"
#include "runtime/actor/mailbox.hpp"
#include "runtime/base/error.hpp"
#include "runtime/caf/caf_peer.hpp"
#include "runtime/caf/node_identity.hpp"
#include "runtime/caf/parcel.hpp"

namespace troupe::runtime {
namespace {

// The paths of those that have not ended, each where its job has it.
class Running {
 public:
  void add(const std::string& path) {
    const std::lock_guard lock{mutex_};
    paths_.insert(&path);
  }
  void remove(const std::string& path) {
    const std::lock_guard lock{mutex_};
    paths_.erase(&path);
  }
  bool none() const {
    const std::lock_guard lock{mutex_};
    return paths_.empty();
  }
  std::vector<std::string> paths() const {
    std::vector<std::string> paths;
    const std::lock_guard lock{mutex_};
    for (const std::string* const path : paths_) paths.push_back(*path);
    std::sort(paths.begin(), paths.end());
    return paths;
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_set<const std::string*> paths_;
};

// An actor that never runs dry lets others have its thread after so many turns.
constexpr std::size_t turns_at_once = 256;

// One cell and its mailbox, as a job of CAF's scheduler, which gives it a thread whenever something has come. It is
// none of CAF's actors: to wrap, queue, match and unwrap a message costs there more than all that a cell does.
class Job final : public caf::ref_counted, public caf::resumable, public Mailbox {
 public:
  Job(caf::scheduler::abstract_coordinator& scheduler, std::unique_ptr<Cell> cell,
      std::size_t limit, std::shared_ptr<Running> running)
      : scheduler_{scheduler},
        path_{cell->path()},
        inbox_{limit},
        cell_{std::move(cell)},
        running_{std::move(running)} {
    running_->add(path_);
  }
  ~Job() override { running_->remove(path_); }

  // Mailbox

  void push(Envelope&& envelope) override {
    if (!inbox_.push(std::move(envelope))) return;
    ref();  // the scheduler's
    scheduler_.enqueue(this);
  }
  std::size_t depth() const override { return inbox_.depth(); }
  void kill() override {
    killed_.store(true, std::memory_order_relaxed);
    push(nudge());
  }

  // caf::resumable: never two threads at once

  resume_result resume(caf::execution_unit*, std::size_t most) override {
    for (std::size_t turns = 0; turns < most;) {
      if (killed_.load(std::memory_order_relaxed)) return end();
      if (!std::exchange(started_, true) && !cell_->start()) return end();
      bool goes_on = true;
      {
        Envelope envelope;
        if (!inbox_.take(envelope)) {
          if (inbox_.sleep()) return awaiting_message;  // from here on another thread may be in here
          continue;
        }
        ++turns;
        goes_on = cell_->receive(envelope);
      }
      if (!goes_on) return end();
    }
    // Its nudge may have been the last turn.
    if (killed_.load(std::memory_order_relaxed)) return end();
    if (inbox_.sleep()) return awaiting_message;
    turns_in_a_row_ += most;
    if (turns_in_a_row_ < turns_at_once) return resume_later;
    // Behind all others, where the deterministic scheduler would put it before them.
    turns_in_a_row_ = 0;
    ref();
    scheduler_.enqueue(this);  // from here on another thread may be in here
    return awaiting_message;
  }
  void intrusive_ptr_add_ref_impl() override { ref(); }
  void intrusive_ptr_release_impl() override { deref(); }

 private:
  resume_result end() {
    cell_->finish({ExitKind::killed, "it was ended hard"});
    cell_.reset();
    inbox_.close();
    running_->remove(path_);
    return done;
  }

  caf::scheduler::abstract_coordinator& scheduler_;
  const std::string path_;
  Inbox inbox_;
  std::atomic<bool> killed_{false};
  bool started_ = false;
  std::size_t turns_in_a_row_ = 0;
  std::unique_ptr<Cell> cell_;
  std::shared_ptr<Running> running_;
};

class Config : public caf::actor_system_config {
 public:
  explicit Config(const HostOptions& options) {
    add_message_type<Parcel>("troupe.Envelope");
    const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
    set("scheduler.policy", options.deterministic ? caf::atom("testing") : caf::atom("sharing"));
    set("scheduler.max-threads", options.threads != 0 ? options.threads : cores);
    set("scheduler.max-throughput", turns_at_once);
    set("middleman.workers", std::size_t{0});
    set("middleman.heartbeat-interval", caf::timespan{options.heartbeat});
    set("middleman.connection-timeout", caf::timespan{options.peer_timeout});
    if (options.joins && !options.deterministic) load<caf::io::middleman>();
  }
};

constexpr std::size_t most_turns_to_stop = 10'000'000;  // of a deterministic host

class CafHost final : public Host {
 public:
  explicit CafHost(const HostOptions& options)
      : options_{options},
        config_{std::make_unique<Config>(options)},
        system_{std::make_unique<caf::actor_system>(*config_)} {
    if (system_->has_middleman()) check_node_identity();
  }

  ~CafHost() override { stop(Duration::zero()); }

  std::shared_ptr<Mailbox> spawn(std::unique_ptr<Cell> cell) override {
    Cell& its_cell = *cell;
    const std::shared_ptr<Job> job{
        new Job{system_->scheduler(), std::move(cell), options_.mailbox_limit, running_},
        [](Job* last) { last->deref(); }};
    its_cell.attach(job);
    return job;
  }

  std::shared_ptr<Peer> join(int socket, bool accepting, PeerEvents events) override {
    if (!system_->has_middleman()) {
      ::close(socket);
      throw Error{ErrorCode::bug, "join: this host was made without the means to join processes"};
    }
    return make_caf_peer(*system_, socket, accepting, std::move(events));
  }

  std::size_t run(std::size_t most) override {
    auto* const scheduler = dynamic_cast<caf::scheduler::test_coordinator*>(&system_->scheduler());
    if (!scheduler) throw Error{ErrorCode::bug, "run: this host has threads of its own"};
    return scheduler->run(most);
  }

  std::string identity() const override {
    return system_->has_middleman() ? caf::to_string(system_->node()) : std::string{};
  }

  std::vector<std::string> running() const override { return running_->paths(); }

  bool stop(Duration within) override {
    if (!system_) return true;
    if (options_.deterministic) run(most_turns_to_stop);
    // CAF's destructor waits for actors for ever, so it is entered only when none is left.
    const auto until = std::chrono::steady_clock::now() + within;
    const auto some_run = [this] {
      return system_->registry().running() != 0 || !running_->none();
    };
    while (some_run() && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::microseconds{200});
    if (some_run()) {
      static_cast<void>(system_.release());
      static_cast<void>(config_.release());
      return false;
    }
    system_.reset();
    config_.reset();
    return true;
  }

 private:
  const HostOptions options_;
  std::unique_ptr<Config> config_;
  std::unique_ptr<caf::actor_system> system_;
  std::shared_ptr<Running> running_ = std::make_shared<Running>();
};

}  // namespace

std::unique_ptr<Host> make_caf_host(const HostOptions& options) {
  return std::make_unique<CafHost>(options);
}

}  // namespace troupe::runtime
