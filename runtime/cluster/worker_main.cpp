#include "runtime/cluster/worker_main.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "runtime/actor/envelope.hpp"
#include "runtime/actor/host.hpp"
#include "runtime/actor/mailbox.hpp"
#include "runtime/actor/name_table.hpp"
#include "runtime/actor/ticker.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/link.hpp"
#include "runtime/cluster/memories.hpp"
#include "runtime/cluster/node_core.hpp"
#include "runtime/cluster/shared_memory.hpp"
#include "runtime/cluster/worker_bootstrap.hpp"
#include "runtime/cluster/worker_report.hpp"
#include "runtime/plugin.hpp"
#include "runtime/registry.hpp"
#include "runtime/supervision/tree_messages.hpp"
#include "runtime/telemetry/log_budget.hpp"

namespace troupe::runtime {
namespace {

constexpr std::chrono::seconds join_within{30};
constexpr std::chrono::milliseconds drain_within{500};
constexpr std::chrono::milliseconds soon{20};
constexpr std::uint64_t log_bytes_a_second = std::uint64_t{1} << 20;
constexpr std::chrono::seconds now_and_then{1};

NodeCoreOptions core_options() {
  NodeCoreOptions options;
  options.log.node = "worker";
  return options;
}

// One child of a node, with all below it, in this process. Everything else is beyond the link.
class WorkerProcess {
 public:
  WorkerProcess(Registry& registry, int socket,
                std::map<std::string, SharedMemory, std::less<>> memories)
      : registry_{registry},
        core_{registry, clock_, core_options()},
        ticker_{core_.timers(), clock_} {
    for (auto& [name, memory] : memories)
      core_.memories().add(std::make_shared<SharedMemory>(std::move(memory)));
    link_ = std::make_shared<Link>(core_.names(), clock_, "the node",
                                   [this](const Envelope& envelope) { heard(envelope); });
    core_.log().add_record_sink([this](const LogRecord& record) { tell_log(record); });
    core_.keep_house();
    core_.names().on_new_name([this](Name& name) { made(name); });
    PeerEvents events;
    events.joined = [this] {
      std::unique_lock lock{mutex_};
      changed_.wait(lock, [this] { return peer_ != nullptr; });
      link_->joined(peer_);
    };
    events.received = [this](Envelope envelope) { link_->received(std::move(envelope)); };
    events.lost = [this](const std::string& reason) {
      end({ExitKind::lost, "the node is gone: " + reason});
    };
    std::shared_ptr<Peer> peer = core_.host().join(socket, false, std::move(events));
    const std::lock_guard lock{mutex_};
    peer_ = std::move(peer);
    changed_.notify_all();
  }

  int run() {
    std::unique_lock lock{mutex_};
    if (!changed_.wait_for(lock, join_within, [this] { return !path_.empty() || exit_; })) return 1;
    changed_.wait(lock, [this] { return exit_.has_value(); });
    const bool by_itself = exit_->kind != ExitKind::lost;
    if (by_itself) changed_.wait_for(lock, drain_within, [this] { return released_; });
    return by_itself ? 0 : 1;
  }

 private:
  // Whoever lives here is announced; of everybody else the node knows.
  void made(Name& name) {
    const std::string& path = name.path();
    const bool here = !path_.empty() && (path == path_ || path.starts_with(path_ + "/"));
    if (!here) {
      name.route_through(link_);
      return link_->control(Subscribe::type(), to_frame(Subscribe{path}));
    }
    name.watch([this, &name](const Change& change) { announce(name, change); });
  }

  void announce(const Name& name, const Change& change) {
    NameChanged message;
    message.path = name.path();
    message.incarnation = change.incarnation;
    message.exit = change.exit;
    if (change.up && message.path != path_) {
      message.what = NameChanged::What::begun;
      link_->control(NameChanged::type(), to_frame(message));
    }
    message.what = change.up ? NameChanged::What::up : NameChanged::What::down;
    link_->control(NameChanged::type(), to_frame(message));
    report_within(soon);
    if (!change.up && message.path == path_) end(change.exit);
  }

  // One record at a time: the log sees to that. A flood of them must not hold up what else goes to the node.
  void tell_log(const LogRecord& record) {
    if (!log_budget_.take(record.size_bytes(), core_.clock().now())) return;
    if (const std::uint64_t left_out = log_budget_.take_left_out()) {
      LogRecord note;
      note.time = record.time;
      note.level = LogLevel::warning;
      note.component = "worker";
      note.message = "records were left out: too many a second";
      note.fields = {to_record({"records", left_out})};
      link_->control(worker_log_type(), to_frame(note));
    }
    link_->control(worker_log_type(), to_frame(record));
  }

  // What the node cannot see of this process. Once, however often it is asked for meanwhile.
  void report_within(Duration delay) {
    TimePoint due = core_.clock().now() + delay;
    {
      const std::lock_guard lock{report_mutex_};
      due = std::max(due, next_report_);
      if (due >= report_due_) return;
      report_due_ = due;
    }
    core_.timers().add(due, [this, due] {
      {
        const std::lock_guard lock{report_mutex_};
        if (report_due_ != due) return;  // an earlier one was asked for meanwhile
        report_due_ = TimePoint::max();
      }
      const TimePoint begin = core_.clock().now();
      try {
        report();
      } catch (const std::exception& error) {  // a tick's callback throws nothing
        core_.log().logger("worker").error("no report to the node", {{"why", error.what()}});
      }
      {
        // Of a large tree it takes long: at most a tenth of the tick's time goes into reports.
        const TimePoint now = core_.clock().now();
        const std::lock_guard lock{report_mutex_};
        next_report_ = now + 10 * (now - begin);
      }
      report_within(now_and_then);
    });
  }

  void report() {
    WorkerReport report;
    report.below = core_.processes({}, path_);
    const Name::Target child = core_.names().intern(path_).target();
    if (child.mailbox) report.mailbox_depth = child.mailbox->depth();
    report.metrics = core_.metrics();
    link_->control(WorkerReport::type(), to_frame(report));
  }

  void heard(const Envelope& envelope) {
    try {
      if (envelope.type == Spawn::type().id) {
        Spawn message;
        std::string why_not;
        try {
          read(envelope.frame, message);
        } catch (const Error& error) {
          if (message.path.empty()) throw;
          why_not = error.what();
        }
        become(std::move(message), std::move(why_not));
      } else if (envelope.type == Stop::type().id) {
        Stop message;
        read(envelope.frame, message);
        if (message.path.empty()) return release();
        core_.stop(message.path, message.incarnation);
      } else if (envelope.type == InjectFault::type().id) {
        InjectFault message;
        read(envelope.frame, message);
        core_.inject(message.order);
      } else if (envelope.type == NameChanged::type().id) {
        NameChanged message;
        read(envelope.frame, message);
        Name& name = core_.names().intern(message.path);
        if (message.what == NameChanged::What::up) {
          name.begin(message.incarnation, link_);
          name.up(message.incarnation);
        } else if (message.what == NameChanged::What::down) {
          name.begin(message.incarnation, link_);  // if it was never heard of
          name.down(message.incarnation, message.exit);
        }
      }
    } catch (const Error& error) {
      core_.log().logger("worker").error("a message of the node's was thrown away",
                                         {{"why", error.what()}});
    }
  }

  // `why_not`: what keeps it from that; empty: nothing yet.
  void become(Spawn message, std::string why_not) {
    {
      const std::lock_guard lock{mutex_};
      if (!path_.empty()) return;
      path_ = message.path;
      changed_.notify_all();
    }
    try {
      for (const std::string& plugin : message.plugins)
        if (!has_plugin(plugin, registry_)) load_plugin(plugin, registry_);
    } catch (const Error& error) {
      why_not = error.what();
    }
    if (!why_not.empty()) {  // the child's failure to start, with the reason
      Name& name = core_.names().intern(message.path);
      name.begin(message.incarnation, nullptr);
      return name.down(message.incarnation, {ExitKind::failed, why_not});
    }
    core_.log().set_level("*", message.log_level);
    // Below this child's own, which only grow; the node counts on in steps of its own.
    core_.count_from(message.incarnation << 24);
    message.spec.isolation = Isolation::none;
    core_.start(message.spec, message.path, message.incarnation);
  }

  void end(Exit exit) {
    const std::lock_guard lock{mutex_};
    if (!exit_) exit_ = std::move(exit);
    changed_.notify_all();
  }

  // The node has heard all that was said here.
  void release() {
    const std::lock_guard lock{mutex_};
    released_ = true;
    changed_.notify_all();
  }

  Registry& registry_;
  SteadyClock clock_;
  NodeCore core_;
  Ticker ticker_;
  std::shared_ptr<Link> link_;
  std::shared_ptr<Peer> peer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string path_;
  std::optional<Exit> exit_;
  bool released_ = false;
  std::mutex report_mutex_;
  TimePoint report_due_ = TimePoint::max();
  TimePoint next_report_{};  // not before
  LogBudget log_budget_{log_bytes_a_second, clock_.now()};  // used under the log's own lock
};

}  // namespace

std::optional<int> worker_main(int argc, const char* const* argv, Registry& registry) {
  registry.allow_isolation();
  std::optional<WorkerStart> start;
  try {
    start = find_worker_start(argc, argv);
    if (!start) return {};
    // Never destroyed: what hangs in it is the node's to kill, and the process ends here.
    auto& process =
        *new WorkerProcess{registry, start->socket.release(), std::move(start->memories)};
    const int code = process.run();
    std::fflush(nullptr);
    ::_exit(code);
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}

}  // namespace troupe::runtime
