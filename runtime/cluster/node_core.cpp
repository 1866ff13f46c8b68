#include "runtime/cluster/node_core.hpp"

#include <unistd.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "runtime/actor/actor.hpp"
#include "runtime/actor/cell.hpp"
#include "runtime/actor/envelope.hpp"
#include "runtime/actor/mailbox.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/worker_report.hpp"
#include "runtime/supervision/supervisor.hpp"
#include "runtime/telemetry/merged_metrics.hpp"

namespace troupe::runtime {
namespace {

std::string_view type_of(const ChildSpec& spec) {
  return spec.supervisor ? std::string_view{"supervisor"} : spec.type;
}

}  // namespace

// Where answers to requests from the outside come in.
class Outside final : public Mailbox, public std::enable_shared_from_this<Outside> {
 public:
  explicit Outside(TimerTable& timers, const Clock& clock) : timers_{timers}, clock_{clock} {}

  Reply expect(const Name& holder, std::uint64_t incarnation, Duration within,
               std::function<void(Answer)> then) {
    const std::lock_guard lock{mutex_};
    const std::uint64_t id = next_++;
    Waiting& waiting = waiting_[id];
    waiting = {std::move(then), {}, {&holder, incarnation, within, later(clock_.now(), within)}};
    look_later(id, waiting);
    Reply reply{shared_from_this(), id};
    reply.holder_ = &holder;
    reply.holder_incarnation_ = incarnation;
    return reply;
  }

  void push(Envelope&& envelope) override {
    if (envelope.kind == EnvelopeKind::answer)
      settle(envelope.request, Answer{std::move(envelope.frame)});
    if (envelope.kind == EnvelopeKind::failure) settle(envelope.request, Answer{*envelope.failure()});
  }
  std::size_t depth() const override { return 0; }
  void kill() override {}

 private:
  struct Waiting {
    std::function<void(Answer)> then;
    TimerId timer{};
    Expected expected{};
  };

  // Under the mutex.
  void look_later(std::uint64_t id, Waiting& waiting) {
    const TimePoint next = waiting.expected.next_look(clock_.now());
    waiting.timer = timers_.add(next, [self = weak_from_this(), id] {
      if (const std::shared_ptr<Outside> outside = self.lock()) outside->look_after(id);
    });
  }

  void look_after(std::uint64_t id) {
    std::optional<Failure> failure;
    {
      const std::lock_guard lock{mutex_};
      const auto at = waiting_.find(id);
      if (at == waiting_.end()) return;
      failure = at->second.expected.failure(clock_.now());
      if (!failure) return look_later(id, at->second);
    }
    settle(id, Answer{*failure});
  }

  void settle(std::uint64_t id, Answer answer) {
    Waiting waiting;
    {
      const std::lock_guard lock{mutex_};
      const auto at = waiting_.find(id);
      if (at == waiting_.end()) return;
      waiting = std::move(at->second);
      waiting_.erase(at);
    }
    timers_.cancel(waiting.timer);
    waiting.then(std::move(answer));
  }

  TimerTable& timers_;
  const Clock& clock_;
  std::mutex mutex_;
  std::uint64_t next_ = 1;
  std::unordered_map<std::uint64_t, Waiting> waiting_;
};

NodeCore::NodeCore(const Registry& registry, const Clock& clock, const NodeCoreOptions& options)
    : registry_{registry},
      clock_{clock},
      executors_{options.host.deterministic ? ExecutorThreads::Mode::manual
                                            : ExecutorThreads::Mode::threads},
      log_{options.log, clock},
      faults_{timers_, clock, options.fault_seed},
      services_{clock, names_, timers_, executors_, *this, memories_, log_, metrics_, faults_},
      outside_{std::make_shared<Outside>(timers_, clock)},
      host_{make_caf_host(options.host)} {
  if (options.trace) {
    trace_.emplace(*options.trace, clock);
    services_.trace = &*trace_;
  }
}

NodeCore::~NodeCore() = default;

void NodeCore::set_process_children(std::unique_ptr<ProcessChildren> processes) {
  std::shared_ptr<ProcessChildren> old = std::move(processes);
  const std::lock_guard lock{mutex_};
  std::swap(processes_, old);
}

void NodeCore::keep_house() {
  timers_.add(clock_.now() + std::chrono::seconds{1}, [this] {
    log_.tick();
    if (const auto there = processes()) there->tidy();
    keep_house();
  });
}

ActorMetrics& NodeCore::metrics_of(std::string_view type) {
  const std::lock_guard lock{mutex_};
  auto at = metrics_by_type_.find(type);
  if (at == metrics_by_type_.end())
    at = metrics_by_type_.emplace(type, std::make_unique<ActorMetrics>(metrics_, type)).first;
  return *at->second;
}

void NodeCore::start(const ChildSpec& spec, const std::string& path, std::uint64_t incarnation) {
  Name& name = names_.intern(path);
  if (name.last_exit()) metrics_of(type_of(spec)).restarts.add();
  if (spec.isolation == Isolation::none) return start_here(spec, name, incarnation);
  if (const auto there = processes()) return there->start(spec, name, incarnation);
  name.begin(incarnation, nullptr);
  name.down(incarnation,
            {ExitKind::failed,
             "isolation: process is not to be had here: a worker process has none below it, and elsewhere main has to call "
             "runtime::worker_main first"});
}

void NodeCore::start_here(const ChildSpec& spec, Name& name, std::uint64_t incarnation) {
  Cell::Make make;
  const std::string_view type = type_of(spec);
  if (spec.supervisor) {
    make = [children = spec.supervisor](Context& context) {
      return std::make_unique<Supervisor>(context, *children);
    };
  } else {
    const ActorType* const known = registry_.find(spec.type);
    if (known) {
      make = [known, parameters = spec.parameters](Context& context) {
        return known->make(context, parameters);
      };
    } else {
      make = [type = std::string{type}](Context&) -> std::unique_ptr<Actor> {
        throw Error{ErrorCode::bad_input, "there is no actor type \"" + type + "\""};
      };
    }
  }
  ActorMetrics& metrics = metrics_of(type);
  const std::shared_ptr<Mailbox> mailbox = host_->spawn(
      std::make_unique<Cell>(services_, name, incarnation, type, metrics, std::move(make)));
  if (!name.begin(incarnation, mailbox)) return mailbox->kill();
  mailbox->push(nudge());  // so that it starts
}

void NodeCore::stop(const std::string& path, std::uint64_t incarnation) {
  Name& name = names_.intern(path);
  if (const auto there = processes(); there && there->stop(name, incarnation)) return;
  const Name::Target target = name.target();
  if (target.mailbox && target.incarnation == incarnation)
    target.mailbox->push(turn([](Cell& cell) { cell.ask_to_stop(); }));
}

void NodeCore::kill(const std::string& path, std::uint64_t incarnation, const std::string& reason) {
  Name& name = names_.intern(path);
  const Name::Target target = name.target();
  name.make_void(incarnation);
  name.set_exit(incarnation, {ExitKind::killed, reason});
  const std::shared_ptr<ProcessChildren> there = processes();
  if (!(there && there->kill(name, incarnation)) && target.mailbox &&
      target.incarnation == incarnation)
    target.mailbox->kill();
  name.down(incarnation, {ExitKind::killed, reason});
}

void NodeCore::tell(const Ref& to, MessageType type, Frame message) {
  Name* const name = to.name_;
  const Name::Target target = name ? name->target() : Name::Target{};
  if (!target.mailbox) return;
  Envelope envelope;
  envelope.kind = EnvelopeKind::tell;
  envelope.type = type.id;
  envelope.to = name;
  envelope.to_incarnation = target.incarnation;
  envelope.frame = std::move(message);
  target.mailbox->push(std::move(envelope));
}

void NodeCore::ask(const Ref& to, MessageType type, Frame question, Duration within,
                   std::function<void(Answer)> then) {
  Name* const name = to.name_;
  const Name::Target target = name ? name->target() : Name::Target{};
  if (!target.mailbox)
    return then(Answer{Failure{FailureKind::not_running,
                               to ? to.path() + " is not running" : "the request names nobody"}});
  Envelope envelope;
  envelope.kind = EnvelopeKind::ask;
  envelope.type = type.id;
  envelope.to = name;
  envelope.to_incarnation = target.incarnation;
  envelope.left = within;
  envelope.frame = std::move(question);
  envelope.reply = outside_->expect(*name, target.incarnation, within, std::move(then));
  target.mailbox->push(std::move(envelope));
}

void NodeCore::inject(const FaultOrder& order) {
  using Kind = FaultOrder::Kind;
  if (order.kind == Kind::clear) faults_.clear();
  if (order.kind == Kind::clear && order.path.empty()) return;
  Name* const name = names_.find(order.path);
  const Name::Target target = name ? name->target() : Name::Target{};
  if (!target.mailbox)
    throw Error{ErrorCode::bad_input, "fault: nothing runs under \"" + order.path + "\""};
  // The end of the child itself is this node's to decide, that of what lives below it is its process's.
  const std::shared_ptr<ProcessChildren> there = processes();
  if (!target.mailbox->local() && there && there->inject(*name, order)) return;
  const auto add = [&](MessageFault::Kind kind) {
    faults_.add({kind, order.from, order.path, order.probability, order.duration, order.count});
  };
  switch (order.kind) {
    case Kind::kill:
      return kill(order.path, target.incarnation, "an operator ended it");
    case Kind::throw_next:
      return target.mailbox->push(turn([what = order.text](Cell& cell) { cell.throw_next(what); }));
    case Kind::stall:
      return target.mailbox->push(
          turn([duration = order.duration](Cell& cell) { cell.stall(duration); }));
    case Kind::drop:
      return add(MessageFault::Kind::drop);
    case Kind::delay:
      return add(MessageFault::Kind::delay);
    case Kind::duplicate:
      return add(MessageFault::Kind::duplicate);
    case Kind::clear:
      return;
  }
}

bool NodeCore::signal_process(std::string_view path, int number) {
  const std::shared_ptr<ProcessChildren> there = processes();
  return there && there->signal(names_.intern(path), number);
}

std::shared_ptr<ProcessChildren> NodeCore::processes() const {
  const std::lock_guard lock{mutex_};
  return processes_;
}

ProcessTable NodeCore::processes(const std::string& node, const std::string& below) const {
  const std::shared_ptr<ProcessChildren> there = processes();
  const auto views = there ? there->views() : std::map<std::string, ProcessChildren::View>{};
  struct Known {
    const Name* name;
    ActorStatus status;
  };
  const TimePoint now = clock_.now();
  std::map<std::string, std::vector<Known>> by_parent;
  for (const Name* name : names_.all()) {
    ActorStatus status = name->status();
    if (name->path() == "/") {  // the one that no supervisor looks after
      status.type = "supervisor";
      status.state = name->is_up() ? "running" : name->last_exit() ? "ended" : "starting";
    }
    if (!status.state.empty())
      by_parent[name->path() == "/" ? "" : parent_path(name->path())].push_back(
          {name, std::move(status)});
  }
  ProcessTable table;
  const std::function<void(const std::string&)> add = [&](const std::string& parent) {
    const auto at = by_parent.find(parent);
    if (at == by_parent.end()) return;
    std::stable_sort(at->second.begin(), at->second.end(), [](const Known& a, const Known& b) {
      return a.status.order < b.status.order;
    });
    for (const Known& known : at->second) {
      const Name::Target target = known.name->target();
      ProcessRow row;
      row.path = known.name->path();
      row.type = known.status.type;
      row.state = known.status.state;
      row.node = node;
      const auto view = views.find(row.path);
      const bool apart = view != views.end();
      row.pid = apart ? view->second.pid : ::getpid();
      row.incarnation = target.incarnation;
      row.mailbox_depth = target.mailbox && target.mailbox->local() ? target.mailbox->depth() : 0;
      const std::shared_ptr<const WorkerReport> inside = apart ? view->second.report : nullptr;
      if (inside) row.mailbox_depth = inside->mailbox_depth;
      row.restarts = known.status.restarts;
      row.last_error = known.status.last_error;
      row.uptime = std::max(now - known.status.since, Duration{0});  // it may have begun meanwhile
      table.rows.push_back(std::move(row));
      add(known.name->path());
      if (!inside) continue;
      for (ProcessRow row_inside : inside->below.rows) {
        row_inside.node = node;
        table.rows.push_back(std::move(row_inside));
      }
    }
  };
  add(below);
  return table;
}

std::vector<std::string> NodeCore::shut_down(Duration within) {
  const TimePoint until = clock_.now() + within;
  std::vector<std::string> left = executors_.wait_until_none(within);
  for (std::string& name : left) name = "a job of executor \"" + name + "\"";
  const Duration rest = std::max<Duration>(until - clock_.now(), std::chrono::milliseconds{50});
  if (!host_->stop(rest))
    for (std::string& path : host_->running()) left.push_back(std::move(path));
  return left;
}

std::string NodeCore::metrics() {
  std::map<std::string, double> depth;
  for (const Name* name : names_.all()) {
    const Name::Target target = name->target();
    if (target.mailbox && target.incarnation != 0)
      depth[name->status().type] += static_cast<double>(target.mailbox->depth());
  }
  {
    const std::lock_guard lock{mutex_};
    for (const auto& [type, metrics] : metrics_by_type_) metrics->mailbox_depth.set(depth[type]);
  }
  const std::shared_ptr<ProcessChildren> there = processes();
  if (!there) return metrics_.write();
  std::vector<LabelledMetrics> parts{{{}, metrics_.write()}};
  for (auto& [path, process] : there->views())
    if (process.report) parts.push_back({path, process.report->metrics});
  return merged_metrics(parts);
}

}  // namespace troupe::runtime
