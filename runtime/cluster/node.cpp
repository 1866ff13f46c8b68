#include "runtime/cluster/node.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <utility>

#include "runtime/actor/name_table.hpp"
#include "runtime/actor/thread_stack.hpp"
#include "runtime/actor/ticker.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "runtime/cluster/node_control.hpp"
#include "runtime/cluster/node_core.hpp"
#include "runtime/cluster/process_children.hpp"
#include "runtime/cluster/signal_watch.hpp"
#include "runtime/supervision/tree_messages.hpp"
#include "serialization/schema/tree.capnp.h"

namespace troupe::runtime {
namespace {

constexpr const char* root_path = "/";

NodeCoreOptions core_options(const NodeOptions& options) {
  NodeCoreOptions core;
  core.host.threads = options.threads;
  core.log.node = options.name;
  core.log.level = options.log_level;
  if (!options.trace_file.empty()) core.trace = TraceOptions{options.name};
  return core;
}

// A full disk costs the trace, not the orderly end.
void write_trace(const Trace& trace, const std::string& file, Log& log) {
  try {
    trace.write(posix_files(), file);
  } catch (const Error& error) {
    log.logger("node").error("the trace was not written", {{"why", error.what()}});
  }
}

}  // namespace

struct Node::State {
  State(const NodeOptions& options, const Registry& registry)
      : core{registry, clock, core_options(options)} {}

  // What becomes of the root, for start() and wait().
  void root_changed(const Change& change) {
    const std::lock_guard lock{mutex};
    up = change.up;
    if (!change.up) exit = change.exit;
    changed.notify_all();
  }

  SteadyClock clock;
  NodeCore core;
  std::unique_ptr<Ticker> ticker;
  std::atomic<std::uint64_t> root{0};
  std::atomic<bool> stop_asked{false};  // by a signal perhaps, before there was a root
  std::uint64_t watch = 0;
  std::mutex mutex;
  std::condition_variable changed;
  bool up = false;
  std::optional<Exit> exit;
  std::unique_ptr<SignalWatch> signals;
  std::unique_ptr<NodeControl> control;
};

Node::Node(NodeOptions options, const Registry& registry) : options_{std::move(options)} {
  // Before any other thread, so that none of them is interrupted.
  std::unique_ptr<SignalWatch> signals;
  if (options_.handle_signals)
    signals = std::make_unique<SignalWatch>([this](int) { ask_root_to_stop(); });
  state_ = std::make_unique<State>(options_, registry);
  State& state = *state_;
  state.signals = std::move(signals);
  if (options_.log_descriptor >= 0)
    state.core.log().add_sink(options_.log_format, descriptor_sink(options_.log_descriptor));
  if (options_.stack_signal != 0) install_stack_signal(options_.stack_signal);
  state.ticker = std::make_unique<Ticker>(state.core.timers(), state.clock);
  state.core.keep_house();
  if (registry.isolates())
    state.core.set_process_children(make_process_children(state.core, options_.worker_program));
  if (options_.control)
    state.control = std::make_unique<NodeControl>(state.core, options_.name, *options_.control,
                                                  [this] { ask_root_to_stop(); });
}

void Node::ask_root_to_stop() {
  if (!state_) return;
  state_->stop_asked = true;
  const std::uint64_t root = state_->root.load();
  if (root != 0) state_->core.stop(root_path, root);
}

Node::~Node() {
  if (state_) stop(std::chrono::seconds{5});
}

void Node::start(const SupervisorSpec& root, Duration within) {
  State& state = *state_;
  if (state.root != 0)
    throw Error{ErrorCode::bug, "node " + options_.name + ": start() was called twice"};
  ChildSpec spec;
  spec.name = root_path;
  spec.supervisor = std::make_shared<const SupervisorSpec>(root);
  state.root = state.core.new_incarnation();
  state.watch = state.core.names().intern(root_path).watch(
      [&state](const Change& change) { state.root_changed(change); });
  ActorStatus shown;  // no supervisor keeps it
  shown.since = state.clock.now();
  state.core.names().intern(root_path).set_status(shown);
  state.core.start(spec, root_path, state.root);
  if (state.stop_asked) ask_root_to_stop();
  std::unique_lock lock{state.mutex};
  const bool settled =
      state.changed.wait_for(lock, within, [&state] { return state.up || state.exit.has_value(); });
  if (state.exit && !state.exit->abnormal()) return;  // somebody asked it to stop meanwhile
  if (state.exit)
    throw Error{ErrorCode::disconnected,
                "node " + options_.name + ": the tree did not start: " + to_string(*state.exit)};
  if (!settled)
    throw Error{ErrorCode::disconnected,
                "node " + options_.name + ": the tree did not start in time"};
}

std::optional<Exit> Node::wait(Duration within) {
  State& state = *state_;
  std::unique_lock lock{state.mutex};
  const auto ended = [&state] { return state.exit.has_value(); };
  // Never the whole of Duration: the sum with now would overflow.
  constexpr Duration a_year = std::chrono::hours{24 * 365};
  state.changed.wait_for(lock, std::min(within, a_year), ended);
  return state.exit;
}

std::vector<std::string> Node::stop(Duration within) {
  if (!state_) return {};
  State& state = *state_;
  const TimePoint until = state.clock.now() + within;
  state.signals.reset();
  if (state.root != 0 && !wait(Duration{0})) {
    state.core.stop(root_path, state.root);
    if (!wait(within)) state.core.kill(root_path, state.root, "the node stopped");
  }
  state.control.reset();
  state.core.set_process_children(nullptr);
  if (state.watch != 0) state.core.names().intern(root_path).unwatch(state.watch);
  // What was ended hard goes as soon as its handler returns.
  const Duration rest =
      std::max<Duration>(until - state.clock.now(), std::chrono::milliseconds{200});
  std::vector<std::string> left = state.core.shut_down(rest);
  state.ticker.reset();
  if (state.core.trace()) write_trace(*state.core.trace(), options_.trace_file, state.core.log());
  if (!left.empty()) static_cast<void>(state_.release());  // their threads use it
  state_.reset();
  return left;
}

bool Node::wait_until_running(std::string_view path, Duration within) {
  const auto up = std::make_shared<std::promise<void>>();
  const auto told = std::make_shared<std::atomic<bool>>(false);
  Name& name = state_->core.names().intern(path);
  const std::uint64_t watch = name.watch([up, told](const Change& change) {
    if (change.up && !told->exchange(true)) up->set_value();
  });
  const bool runs = up->get_future().wait_for(within) == std::future_status::ready;
  name.unwatch(watch);
  return runs;
}

Ref Node::ref(std::string_view path) {
  return state_->core.names().ref(path);
}

void Node::tell(std::string_view path, MessageType type, Frame message) {
  state_->core.tell(ref(path), type, std::move(message));
}

Answer Node::ask(std::string_view path, MessageType type, Frame question, Duration within) {
  const auto promise = std::make_shared<std::promise<Answer>>();
  state_->core.ask(ref(path), type, std::move(question), within,
                   [promise](Answer answer) { promise->set_value(std::move(answer)); });
  return promise->get_future().get();  // its deadline is kept by the node's tick
}

namespace {

constexpr std::chrono::seconds ask_supervisor_within{10};

}  // namespace

void Node::start_child(std::string_view supervisor, const ChildSpec& spec) {
  ask(supervisor, StartChild::type(), to_frame(StartChild{spec}), ask_supervisor_within).frame();
}

void Node::stop_child(std::string_view supervisor, std::string_view child) {
  ask(supervisor, StopChild::type(), to_frame(StopChild{std::string{child}}), ask_supervisor_within)
      .frame();
}

void Node::scale(std::string_view group, std::size_t count) {
  ask(group, ScaleChildren::type(), to_frame(ScaleChildren{static_cast<std::uint32_t>(count)}),
      ask_supervisor_within)
      .frame();
}

void Node::inject(const FaultOrder& fault) {
  state_->core.inject(fault);
}

std::shared_ptr<SharedMemory> Node::share(std::string_view name, std::size_t size_bytes) {
  auto memory = std::make_shared<SharedMemory>(SharedMemory::create(std::string{name}, size_bytes));
  state_->core.memories().add(memory);
  return memory;
}

ProcessTable Node::processes() const {
  return state_->core.processes(options_.name);
}
std::string Node::metrics() const {
  return state_->core.metrics();
}
Log& Node::log() {
  return state_->core.log();
}

}  // namespace troupe::runtime
