#include "runtime/testing/test_node.hpp"

#include <algorithm>
#include <utility>

#include "runtime/actor/cell.hpp"
#include "runtime/actor/envelope.hpp"
#include "runtime/actor/mailbox.hpp"
#include "runtime/base/virtual_clock.hpp"
#include "runtime/cluster/node_core.hpp"

namespace troupe::runtime {

struct TestNode::State {
  VirtualClock clock;
  std::uint64_t root = 0;
};

namespace {

NodeCoreOptions options_for(std::uint64_t fault_seed) {
  NodeCoreOptions options;
  options.host.deterministic = true;
  options.host.joins = false;
  options.log.node = "test";
  options.fault_seed = fault_seed;
  return options;
}

}  // namespace

TestNode::TestNode(const Registry& registry, std::uint64_t fault_seed)
    : state_{std::make_unique<State>()},
      core_{std::make_unique<NodeCore>(registry, state_->clock, options_for(fault_seed))} {}

TestNode::~TestNode() {
  if (state_->root != 0) core_->kill("/", state_->root, "the test is over");
  run();
}

void TestNode::start(const SupervisorSpec& root) {
  ChildSpec spec;
  spec.name = "/";
  spec.supervisor = std::make_shared<const SupervisorSpec>(root);
  state_->root = core_->new_incarnation();
  core_->start(spec, "/", state_->root);
  run();
}

void TestNode::stop() {
  core_->stop("/", state_->root);
  run();
}

bool TestNode::run(std::size_t turns) {
  for (std::size_t taken = 0; taken < turns;) {
    const std::size_t now = core_->host().run(turns - taken) + core_->executors().run_all();
    if (now == 0) return true;
    taken += now;
  }
  return false;
}

void TestNode::advance(Duration duration) {
  const TimePoint until = now() + duration;
  run();
  for (std::optional<TimePoint> due = core_->timers().next_due(); due && *due <= until;
       due = core_->timers().next_due()) {
    if (*due > now()) state_->clock.set(*due);
    core_->timers().run_due(now());
    run();
  }
  state_->clock.set(until);
}

TimePoint TestNode::now() const {
  return state_->clock.now();
}

Ref TestNode::ref(std::string_view path) {
  return core_->names().ref(path);
}

void TestNode::tell(std::string_view path, MessageType type, Frame message) {
  core_->tell(ref(path), type, std::move(message));
  run();
}

std::optional<Answer> TestNode::ask(std::string_view path, MessageType type, Frame question,
                                    Duration within) {
  const auto answer = std::make_shared<std::optional<Answer>>();
  core_->ask(ref(path), type, std::move(question), within,
             [answer](Answer came) { *answer = std::move(came); });
  run();
  return *answer;
}

std::uint64_t TestNode::incarnation(std::string_view path) {
  return core_->names().intern(path).target().incarnation;
}

bool TestNode::running(std::string_view path) {
  return core_->names().intern(path).is_up();
}

std::optional<Exit> TestNode::last_exit(std::string_view path) {
  return core_->names().intern(path).last_exit();
}

std::vector<std::string> TestNode::running_paths() {
  std::vector<std::string> paths;
  for (const Name* name : core_->names().all())
    if (name->is_up()) paths.push_back(name->path());
  return paths;
}

void TestNode::kill(std::string_view path, const std::string& reason) {
  core_->kill(std::string{path}, incarnation(path), reason);
  run();
}

void TestNode::throw_in_next(std::string_view path, const std::string& what) {
  if (!core_->names().intern(path).target().mailbox) return;
  core_->inject({FaultOrder::Kind::throw_next, std::string{path}, "*", what});
  run();
}

void TestNode::stall(std::string_view path, Duration duration) {
  if (!core_->names().intern(path).target().mailbox) return;
  core_->inject({FaultOrder::Kind::stall, std::string{path}, "*", "", duration});
}

void TestNode::add_fault(MessageFault fault) {
  core_->faults().add(std::move(fault));
}
void TestNode::clear_faults() {
  core_->faults().clear();
}
Log& TestNode::log() {
  return core_->log();
}

}  // namespace troupe::runtime
