#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/actor/answer.hpp"
#include "runtime/actor/executor_threads.hpp"
#include "runtime/actor/fault_order.hpp"
#include "runtime/actor/faults.hpp"
#include "runtime/actor/host.hpp"
#include "runtime/actor/message_type.hpp"
#include "runtime/actor/name_table.hpp"
#include "runtime/actor/services.hpp"
#include "runtime/actor/timer_table.hpp"
#include "runtime/cluster/memories.hpp"
#include "runtime/control/process_table.hpp"
#include "runtime/registry.hpp"
#include "runtime/supervision/child_launcher.hpp"
#include "runtime/supervision/child_spec.hpp"
#include "runtime/telemetry/actor_metrics.hpp"
#include "runtime/telemetry/log.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "runtime/telemetry/trace.hpp"

namespace troupe::runtime {

class Outside;
struct WorkerReport;
class ProcessChildren;

struct NodeCoreOptions {
  HostOptions host;
  LogOptions log;
  std::optional<TraceOptions> trace;
  std::uint64_t fault_seed = 0;
};

/// All that a process has of the runtime: names, timers, telemetry, the host that drives its actors. Node, TestNode and
/// worker processes are each built around one. Thread-safe.
class NodeCore final : public ChildLauncher {
 public:
  NodeCore(const Registry& registry, const Clock& clock, const NodeCoreOptions& options);
  ~NodeCore() override;

  Services& services() { return services_; }
  NameTable& names() { return names_; }
  TimerTable& timers() { return timers_; }
  ExecutorThreads& executors() { return executors_; }
  Host& host() { return *host_; }
  Memories& memories() { return memories_; }
  Log& log() { return log_; }
  Faults& faults() { return faults_; }
  Trace* trace() { return trace_ ? &*trace_ : nullptr; }
  const Clock& clock() const { return clock_; }
  const Registry& registry() const { return registry_; }

  /// Where children with `isolation: process` go. Without one they do not start.
  void set_process_children(std::unique_ptr<ProcessChildren> processes);

  /// From here on, once a second: folded log lines appear, and what nobody waits for any more is forgotten.
  void keep_house();

  // ChildLauncher
  /// A worker process counts from its own incarnation on.
  void count_from(std::uint64_t incarnation) { next_incarnation_.store(incarnation); }
  std::uint64_t new_incarnation() override { return next_incarnation_.fetch_add(1) + 1; }
  void start(const ChildSpec& spec, const std::string& path, std::uint64_t incarnation) override;
  void stop(const std::string& path, std::uint64_t incarnation) override;
  void kill(const std::string& path, std::uint64_t incarnation, const std::string& reason) override;

  // From the outside: from no actor.

  void tell(const Ref& to, MessageType type, Frame message);
  /// `then` is called once, on some thread, and must be short.
  void ask(const Ref& to, MessageType type, Frame question, Duration within,
           std::function<void(Answer)> then);

  /// Faults, for tests and operators, of actors in worker processes too. They take effect when the actor has its turn.
  /// @throws Error bad_input if nothing runs under the path.
  void inject(const FaultOrder& order);
  /// Of the process in which the actor lives. @return false if it has none of its own.
  bool signal_process(std::string_view path, int number);

  /// Every actor that a supervisor looks after, siblings in order; only those below a path, if one is given.
  ProcessTable processes(const std::string& node, const std::string& below = {}) const;

  /// Ends executors' threads and the host. Actors have been stopped before.
  /// @return who is left after `within`; then this object must be leaked.
  std::vector<std::string> shut_down(Duration within);

  /// Prometheus' text, of worker processes too as they last reported it.
  std::string metrics();

 private:
  std::shared_ptr<ProcessChildren> processes() const;
  ActorMetrics& metrics_of(std::string_view type);
  void start_here(const ChildSpec& spec, Name& name, std::uint64_t incarnation);

  const Registry& registry_;
  const Clock& clock_;
  NameTable names_;
  TimerTable timers_;
  ExecutorThreads executors_;
  Memories memories_;
  Log log_;
  Metrics metrics_;
  std::optional<Trace> trace_;
  Faults faults_;
  Services services_;
  std::atomic<std::uint64_t> next_incarnation_{0};
  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<ActorMetrics>, std::less<>> metrics_by_type_;
  std::shared_ptr<Outside> outside_;
  std::unique_ptr<Host> host_;
  std::shared_ptr<ProcessChildren> processes_;
};

/// Children in processes of their own.
class ProcessChildren {
 public:
  virtual ~ProcessChildren() = default;
  virtual void start(const ChildSpec& spec, Name& name, std::uint64_t incarnation) = 0;
  /// @return false if that incarnation is none of a process's.
  virtual bool stop(Name& name, std::uint64_t incarnation) = 0;
  virtual bool kill(Name& name, std::uint64_t incarnation) = 0;
  /// Has the process in which it lives do it. @return false if it lives in none.
  virtual bool inject(Name& name, const FaultOrder& order) = 0;
  /// Sends a signal to the process in which it lives. @return false if there is none.
  virtual bool signal(Name& name, int number) = 0;
  /// Called once a second.
  virtual void tidy() = 0;
  struct View {
    int pid = 0;
    std::shared_ptr<const WorkerReport> report = {};  ///< the newest; none yet
  };
  /// Of all that run, by their children's paths.
  virtual std::map<std::string, View> views() const = 0;
};

}  // namespace troupe::runtime
