#include <unistd.h>
#include <caf/actor.hpp>
#include <caf/actor_registry.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/atom.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/io/middleman.hpp>
#include <caf/node_id.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <chrono>
#include <limits>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/actor/cell.hpp"
#include "runtime/actor/host.hpp"
#include "runtime/actor/mailbox.hpp"
#include "runtime/base/error.hpp"
#include "runtime/caf/caf_peer.hpp"
#include "runtime/caf/node_identity.hpp"
#include "runtime/caf/parcel.hpp"

namespace troupe::runtime {
namespace {

class CafMailbox final : public Mailbox {
 public:
  explicit CafMailbox(std::size_t limit) : limit_{limit} {}

  void be(caf::actor actor) { actor_ = std::move(actor); }

  void push(Envelope&& envelope) override {
    const bool is_message =
        envelope.kind == EnvelopeKind::tell || envelope.kind == EnvelopeKind::ask;
    if (!count_one() && is_message) {
      pushed_.fetch_sub(1, std::memory_order_relaxed);
      if (envelope.kind == EnvelopeKind::ask) envelope.reply.refuse("its mailbox is full");
      return;
    }
    caf::anon_send(actor_, Parcel{std::move(envelope)});
  }
  std::size_t depth() const override {
    const std::uint64_t taken = taken_.load(std::memory_order_relaxed);
    return pushed_.load(std::memory_order_relaxed) - taken;
  }
  void kill() override { caf::anon_send_exit(actor_, caf::exit_reason::kill); }

  /// For the actor's own turns only.
  void took_one() {
    taken_.store(taken_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

 private:
  // False: that is one too many.
  bool count_one() {
    const std::uint64_t before = pushed_.fetch_add(1, std::memory_order_relaxed);
    if (before < room_until_.load(std::memory_order_relaxed)) return true;
    const std::uint64_t room = taken_.load(std::memory_order_relaxed) + limit_;
    room_until_.store(room, std::memory_order_relaxed);
    return before < room;
  }

  // Counted apart, so that sender and receiver do not pass one cache line to and fro with every message; the sender looks
  // at the receiver's count only when the room that it knows of is used up.
  const std::size_t limit_;
  std::atomic<std::uint64_t> pushed_{0};
  std::atomic<std::uint64_t> room_until_{limit_};
  caf::actor actor_;
  alignas(64) std::atomic<std::uint64_t> taken_{0};
};

// Who has not ended.
class Running {
 public:
  void add(const std::string& path) {
    const std::lock_guard lock{mutex_};
    paths_.insert(path);
  }
  void remove(const std::string& path) {
    const std::lock_guard lock{mutex_};
    paths_.erase(paths_.find(path));
  }
  std::vector<std::string> paths() const {
    const std::lock_guard lock{mutex_};
    return {paths_.begin(), paths_.end()};
  }

 private:
  mutable std::mutex mutex_;
  std::multiset<std::string> paths_;
};

// Drives one cell. CAF gives it one message at a time and the threads to do so.
class CafActor final : public caf::event_based_actor {
 public:
  CafActor(caf::actor_config& config, std::unique_ptr<Cell> cell,
           std::shared_ptr<CafMailbox> mailbox, std::shared_ptr<Running> running)
      : caf::event_based_actor{config},
        path_{cell->path()},
        cell_{std::move(cell)},
        mailbox_{std::move(mailbox)},
        running_{std::move(running)} {}

  caf::behavior make_behavior() override {
    if (!cell_->start()) {
      quit();
      return {};
    }
    return {[this](Parcel& parcel) {
      mailbox_->took_one();
      if (!cell_->receive(parcel.envelope)) quit();
    }};
  }

  void on_exit() override {
    if (!cell_) return;
    cell_->finish({ExitKind::killed, "it was ended hard"});
    cell_.reset();
    mailbox_.reset();
    running_->remove(path_);
  }

  const char* name() const override { return "troupe.actor"; }

 private:
  const std::string path_;
  std::unique_ptr<Cell> cell_;
  std::shared_ptr<CafMailbox> mailbox_;
  std::shared_ptr<Running> running_;
};

class Config : public caf::actor_system_config {
 public:
  explicit Config(const HostOptions& options) {
    add_message_type<Parcel>("troupe.Envelope");
    const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
    set("scheduler.policy", options.deterministic ? caf::atom("testing") : caf::atom("sharing"));
    set("scheduler.max-threads", options.threads != 0 ? options.threads : cores);
    set("middleman.workers", std::size_t{0});
    set("middleman.heartbeat-interval", caf::timespan{options.heartbeat});
    set("middleman.connection-timeout", caf::timespan{options.peer_timeout});
    if (options.joins && !options.deterministic) load<caf::io::middleman>();
  }
};

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
    auto mailbox = std::make_shared<CafMailbox>(options_.mailbox_limit);
    cell->attach(mailbox);
    running_->add(cell->path());
    mailbox->be(caf::actor_cast<caf::actor>(
        system_->spawn<CafActor, caf::lazy_init>(std::move(cell), mailbox, running_)));
    return mailbox;
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
    if (options_.deterministic) run(std::numeric_limits<std::size_t>::max());
    // CAF's destructor waits for actors for ever, so it is entered only when none is left.
    const auto until = std::chrono::steady_clock::now() + within;
    while (system_->registry().running() != 0 && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::microseconds{200});
    if (system_->registry().running() != 0) {
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
