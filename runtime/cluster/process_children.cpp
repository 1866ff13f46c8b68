#include "runtime/cluster/process_children.hpp"

#include <algorithm>
#include <csignal>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/actor/envelope.hpp"
#include "runtime/actor/host.hpp"
#include "runtime/actor/name_table.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/link.hpp"
#include "runtime/cluster/node_core.hpp"
#include "runtime/cluster/worker_launcher.hpp"
#include "runtime/cluster/worker_report.hpp"
#include "runtime/supervision/tree_messages.hpp"

namespace troupe::runtime {
namespace {

bool is_below(std::string_view path, const std::string& top) {
  return path.size() > top.size() + 1 && path.starts_with(top == "/" ? top : top + "/");
}

// One worker process, from the decision to start it to its reaping.
struct Process {
  ChildSpec spec;
  Name* name = nullptr;
  std::uint64_t incarnation = 0;
  WorkerId worker = 0;
  pid_t pid = 0;
  std::shared_ptr<Link> link;
  std::shared_ptr<Peer> peer;
  bool wanted = true;  // else it was ended before it began
  std::vector<std::pair<Name*, std::uint64_t>>
      below;                               // what lives in it beside the child itself, as it said
  std::map<Name*, std::uint64_t> watched;  // names that it asked about, and our watches of them
  std::shared_ptr<const WorkerReport> report;
};

class Processes final : public ProcessChildren, public std::enable_shared_from_this<Processes> {
 public:
  Processes(NodeCore& core, std::string program) : core_{core}, program_{std::move(program)} {}

  // The launcher reports the end of all processes before it is gone; nobody can use it meanwhile.
  void close() {
    std::unique_ptr<WorkerLauncher> ending;
    {
      const std::lock_guard lock{launcher_mutex_};
      ending = std::move(launcher_);
    }
  }

  void start(const ChildSpec& spec, Name& name, std::uint64_t incarnation) override {
    auto process = std::make_shared<Process>();
    process->spec = spec;
    process->name = &name;
    process->incarnation = incarnation;
    process->link = std::make_shared<Link>(
        core_.names(), core_.clock(), name.path() + " (a process)",
        [self = weak_from_this(), weak = std::weak_ptr{process}](const Envelope& envelope) {
          const auto processes = self.lock();
          const auto sender = weak.lock();
          if (processes && sender) processes->heard(*sender, envelope);
        });
    // Before anybody else can send to it, so that it is the first thing that the worker hears.
    process->link->control(Spawn::type(), to_frame(spawn_of(*process)));
    if (!name.begin(incarnation, process->link)) return;
    std::unique_lock lock{mutex_};
    auto& queue = by_path_[name.path()];
    queue.push_back(process);
    if (queue.size() == 1) launch(std::move(lock), process);  // PROC-2
  }

  bool stop(Name& name, std::uint64_t incarnation) override {
    const std::shared_ptr<Process> process = find(name, incarnation);
    if (!process) return false;
    process->link->control(Stop::type(), to_frame(Stop{name.path(), incarnation}));
    return true;
  }

  bool kill(Name& name, std::uint64_t incarnation) override {
    const std::shared_ptr<Process> process = find(name, incarnation);
    if (!process) return false;
    WorkerId worker = 0;
    {
      const std::lock_guard lock{mutex_};
      process->wanted = false;
      worker = process->worker;
    }
    if (worker != 0) send(worker, SIGKILL);
    return true;
  }

  bool signal(Name& name, int number) override {
    const std::shared_ptr<Process> process = find(name, name.target().incarnation);
    return process && process->worker != 0 && send(process->worker, number);
  }

  bool inject(Name& name, const FaultOrder& order) override {
    std::shared_ptr<Process> process;
    {
      const std::lock_guard lock{mutex_};
      for (const auto& [path, queue] : by_path_) {
        if (queue.empty()) continue;
        if (path == name.path() && order.kind == FaultOrder::Kind::kill) return false;
        if (path == name.path() || name.path().starts_with(path + "/")) process = queue.front();
      }
    }
    if (!process) return false;
    process->link->control(InjectFault::type(), to_frame(InjectFault{order}));
    return true;
  }

  void tidy() override {
    std::vector<std::shared_ptr<Link>> links;
    {
      const std::lock_guard lock{mutex_};
      for (const auto& [path, queue] : by_path_)
        for (const auto& process : queue) links.push_back(process->link);
    }
    for (const auto& link : links) link->forget_expired();
  }

  std::map<std::string, View> views() const override {
    const std::lock_guard lock{mutex_};
    std::map<std::string, View> views;
    for (const auto& [path, queue] : by_path_)
      if (!queue.empty()) views[path] = View{queue.front()->pid, queue.front()->report};
    return views;
  }

 private:
  bool send(WorkerId worker, int number) {
    const std::lock_guard lock{launcher_mutex_};
    return launcher_ && launcher_->kill(worker, number);
  }

  std::shared_ptr<Process> find(const Name& name, std::uint64_t incarnation) const {
    const std::lock_guard lock{mutex_};
    const auto at = by_path_.find(name.path());
    if (at == by_path_.end()) return nullptr;
    for (const auto& process : at->second)
      if (process->incarnation == incarnation) return process;
    return nullptr;
  }

  void launch(std::unique_lock<std::mutex> lock, const std::shared_ptr<Process>& process) {
    if (!process->wanted) {
      lock.unlock();
      return gone(process, {ExitKind::killed, "it was ended before its process began"});
    }
    WorkerCommand command;
    if (!program_.empty()) command.argv = {program_};
    for (auto& memory : core_.memories().all()) command.memories.push_back({std::move(memory)});
    WorkerEvents events;
    const auto self = weak_from_this();
    events.started = [self, process](Worker worker) {
      if (const auto processes = self.lock()) processes->started(process, std::move(worker));
    };
    events.failed = [self, process](const Error& error) {
      if (const auto processes = self.lock())
        processes->gone(process, {ExitKind::failed, error.what()});
    };
    events.stopped = [self, process](const std::string& signal) {
      if (const auto processes = self.lock())
        processes->core_.log()
            .logger("process", process->name->path())
            .warning("its process is stopped", {{"signal", signal}});
    };
    events.ended = [self, process](const Exit& exit) {
      if (const auto processes = self.lock()) processes->gone(process, exit);
    };
    try {
      const std::lock_guard usable{launcher_mutex_};
      if (!launcher_) throw Error{ErrorCode::disconnected, "the node is stopping"};
      process->worker = launcher_->launch(std::move(command), std::move(events));
    } catch (const Error& error) {
      lock.unlock();
      gone(process, {ExitKind::failed, error.what()});
    }
  }

  void started(const std::shared_ptr<Process>& process, Worker worker) {
    {
      const std::lock_guard lock{mutex_};
      process->pid = worker.pid;
      if (!process->wanted) {
        send(worker.id, SIGKILL);
        return;
      }
    }
    PeerEvents events;
    const auto self = weak_from_this();
    events.joined = [self, process] {
      const auto processes = self.lock();
      if (!processes) return;
      std::shared_ptr<Peer> peer;
      {
        const std::lock_guard lock{processes->mutex_};
        peer = process->peer;
      }
      if (peer) process->link->joined(std::move(peer));  // else the process has gone meanwhile
    };
    events.received = [process](Envelope envelope) {
      process->link->received(std::move(envelope));
    };
    events.lost = [self,
                   process](const std::string&) {  // PROC-3; its end is told when it is reaped
      if (const auto processes = self.lock()) processes->send(process->worker, SIGKILL);
    };
    const std::lock_guard lock{mutex_};  // `joined` waits for it
    process->peer = core_.host().join(worker.socket.release(), true, std::move(events));
  }

  Spawn spawn_of(const Process& process) const {
    Spawn spawn{process.name->path(), process.incarnation, process.spec, {}, core_.log().level("*")};
    for (const auto& [name, type] : core_.registry().types())
      if (type.origin.find('/') != std::string::npos &&
          std::find(spawn.plugins.begin(), spawn.plugins.end(), type.origin) == spawn.plugins.end())
        spawn.plugins.push_back(type.origin);
    return spawn;
  }

  // What the worker says of the actors in it, and asks of those that are elsewhere.
  void heard(Process& process, const Envelope& envelope) {
    try {
      if (envelope.type == NameChanged::type().id) {
        NameChanged message;
        read(envelope.frame, message);
        changed(process, message);
      } else if (envelope.type == Subscribe::type().id) {
        Subscribe message;
        read(envelope.frame, message);
        subscribe(process, message.path);
      } else if (envelope.type == WorkerReport::type().id) {
        reported(process, envelope.frame);
      } else if (envelope.type == worker_log_type().id) {
        LogRecord record;
        read(envelope.frame, record);
        const std::string& top = process.name->path();
        if (record.actor != top && !is_below(record.actor, top)) record.actor = top;
        core_.log().add(std::move(record));
      }
    } catch (const Error& error) {
      core_.log()
          .logger("process", process.name->path())
          .warning("a message of its process was thrown away", {{"why", error.what()}});
    }
  }

  void reported(Process& process, const Frame& frame) {
    auto report = std::make_shared<WorkerReport>();
    read(frame, *report);
    std::erase_if(report->below.rows, [&](ProcessRow& row) {
      row.pid = process.pid;
      return !is_below(row.path, process.name->path());
    });
    const std::lock_guard lock{mutex_};
    process.report = std::move(report);
  }

  void changed(Process& process, const NameChanged& message) {
    const std::string& top = process.name->path();
    if (message.path != top && !is_below(message.path, top)) return;  // not its own
    Name& name = core_.names().intern(message.path);
    switch (message.what) {
      case NameChanged::What::begun: {
        if (&name == process.name) return;
        const std::lock_guard lock{mutex_};
        if (name.begin(message.incarnation, process.link))
          process.below.emplace_back(&name, message.incarnation);
        return;
      }
      case NameChanged::What::up:
        return name.up(message.incarnation);
      case NameChanged::What::down:
        // The child's own end is told when its process has been reaped, with what it said for a reason.
        if (&name == process.name) {
          name.set_exit(message.incarnation, message.exit);
          return process.link->control(
              Stop::type(), to_frame(Stop{}));  // all that it said has arrived: it may go
        }
        return name.down(message.incarnation, message.exit);
    }
  }

  void subscribe(Process& process, const std::string& path) {
    Name& name = core_.names().intern(path);
    const std::lock_guard lock{mutex_};
    if (process.watched.contains(&name)) return;
    const std::weak_ptr<Link> link = process.link;
    process.watched[&name] = name.watch([link, path](const Change& change) {
      const std::shared_ptr<Link> to = link.lock();
      if (!to) return;
      NameChanged message;
      message.path = path;
      message.incarnation = change.incarnation;
      message.what = change.up ? NameChanged::What::up : NameChanged::What::down;
      message.exit = change.exit;
      to->control(NameChanged::type(), to_frame(message));
    });
  }

  // The process has been reaped, or never was.
  void gone(const std::shared_ptr<Process>& process, Exit exit) {
    std::map<Name*, std::uint64_t> watched;
    std::vector<std::pair<Name*, std::uint64_t>> below;
    {
      const std::lock_guard lock{mutex_};
      watched = std::exchange(process->watched, {});
      below = std::exchange(process->below, {});
      process->peer.reset();
    }
    for (const auto& [name, watch] : watched) name->unwatch(watch);
    // An actor that ended as it should leaves a process that exits with 0, and has said how it ended.
    if (exit.kind == ExitKind::normal && !process->name->exit_of(process->incarnation))
      exit = {ExitKind::lost, "its process exited without a word"};
    process->name->set_exit(process->incarnation, exit);
    const Exit told = process->name->exit_of(process->incarnation).value_or(exit);
    process->link->end(to_string(told));
    for (auto at = below.rbegin(); at != below.rend(); ++at)
      at->first->down(at->second, {ExitKind::lost, "its process ended: " + told.reason});
    process->name->down(process->incarnation, told);

    std::unique_lock lock{mutex_};
    const auto queue = by_path_.find(process->name->path());
    if (queue == by_path_.end() || queue->second.empty() || queue->second.front() != process)
      return;
    queue->second.pop_front();
    if (queue->second.empty()) {
      by_path_.erase(queue);
    } else {
      const std::shared_ptr<Process> next = queue->second.front();
      launch(std::move(lock), next);
    }
  }

  NodeCore& core_;
  const std::string program_;
  mutable std::mutex mutex_;
  std::map<std::string, std::deque<std::shared_ptr<Process>>>
      by_path_;  // the first is the one that runs
  std::mutex launcher_mutex_;
  std::unique_ptr<WorkerLauncher> launcher_ = std::make_unique<WorkerLauncher>();
};

// Ends the launcher, which reports all ends, while those that it reports to are there.
class Owner final : public ProcessChildren {
 public:
  explicit Owner(std::shared_ptr<Processes> processes) : processes_{std::move(processes)} {}
  ~Owner() override { processes_->close(); }
  void start(const ChildSpec& spec, Name& name, std::uint64_t incarnation) override {
    processes_->start(spec, name, incarnation);
  }
  bool stop(Name& name, std::uint64_t incarnation) override {
    return processes_->stop(name, incarnation);
  }
  bool kill(Name& name, std::uint64_t incarnation) override {
    return processes_->kill(name, incarnation);
  }
  bool signal(Name& name, int number) override { return processes_->signal(name, number); }
  bool inject(Name& name, const FaultOrder& order) override {
    return processes_->inject(name, order);
  }
  void tidy() override { processes_->tidy(); }
  std::map<std::string, View> views() const override { return processes_->views(); }

 private:
  std::shared_ptr<Processes> processes_;
};

}  // namespace

std::unique_ptr<ProcessChildren> make_process_children(NodeCore& core, const std::string& program) {
  return std::make_unique<Owner>(std::make_shared<Processes>(core, program));
}

}  // namespace troupe::runtime
