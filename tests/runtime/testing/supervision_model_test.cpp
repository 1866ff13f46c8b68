#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/actor/name_table.hpp"
#include "runtime/supervision/tree_messages.hpp"
#include "runtime/testing/test_node.hpp"
#include "tests/messages.capnp.h"
#include "tests/runtime/testing/recorded_actors.hpp"
#include "tests/support/actors.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

/// What supervisors do, told as simply as it can be: all at once, one end at a time in a tree at rest.
struct Model {
  struct Node {
    Node* above = nullptr;
    std::string path;
    ChildSpec spec;
    bool running = false;
    std::vector<TimePoint> restarts = {};  // that it allowed, and the one too many
    std::vector<std::unique_ptr<Node>> below = {};
  };
  Node root;
  TimePoint now;
  std::vector<std::string> born, died;  // leaves
  std::map<std::string, int> starts;    // of all

  void start(Node& node) {
    node.running = true;
    ++starts[node.path];
    if (!node.spec.supervisor) return born.push_back(node.path);
    node.below.clear();
    node.restarts.clear();
    for (const ChildSpec& child : node.spec.supervisor->children) add(node, child);
  }
  void add(Node& above, const ChildSpec& spec) {
    above.below.push_back(
        std::make_unique<Node>(Node{&above, child_path(above.path, spec.name), spec}));
    start(*above.below.back());
  }
  void stop(Node& node) {
    if (!node.running) return;
    node.running = false;
    if (!node.spec.supervisor) {
      now += node.spec.type == "stubborn" ? node.spec.stop_within
             : node.spec.type == "slow"   ? 30ms
                                          : 0ms;
      return died.push_back(node.path);
    }
    for (auto child = node.below.rbegin(); child != node.below.rend(); ++child) stop(**child);
  }
  void remove(Node& node) {
    stop(node);
    std::erase_if(node.above->below, [&](const auto& child) { return child.get() == &node; });
  }
  /// Of a node that is stopped already.
  void ended(Node& node, bool abnormal) {
    if (!node.above) return;
    Node& above = *node.above;
    const SupervisorSpec& by = *above.spec.supervisor;
    if (node.spec.restart == Restart::temporary) return remove(node);
    if (node.spec.restart == Restart::transient && !abnormal) return;
    above.restarts.push_back(now);
    if (std::count_if(above.restarts.begin(), above.restarts.end(), [&](TimePoint then) {
          return now - then <= by.period;
        }) > static_cast<std::ptrdiff_t>(by.intensity)) {
      stop(above);
      return ended(above, true);
    }
    std::vector<Node*> group;
    for (const auto& child : above.below)
      if (child.get() == &node || by.strategy == Strategy::one_for_all ||
          (by.strategy == Strategy::rest_for_one && !group.empty()))
        group.push_back(child.get());
    for (auto child = group.rbegin(); child != group.rend(); ++child) {
      const bool forget = (*child)->spec.restart == Restart::temporary;
      stop(**child);
      if (forget) remove(**child);
      if (forget) *child = nullptr;
    }
    for (Node* const child : group)
      if (child) start(*child);
  }
};

using Paths = std::vector<std::string>;

std::vector<Model::Node*> nodes_below(Model::Node& node) {
  std::vector<Model::Node*> all;
  for (const auto& child : node.below) {
    all.push_back(child.get());
    for (Model::Node* const each : nodes_below(*child)) all.push_back(each);
  }
  return all;
}

std::string text(const Paths& paths) {
  std::string all;
  for (const std::string& path : paths) all += (all.empty() ? "" : " ") + path;
  return all;
}

Paths paths_of(const Record::Lives& lives) {
  Paths paths;
  for (const auto& life : lives) paths.push_back(life.first);
  return paths;
}

ChildSpec leaf(std::string name, Restart restart) {
  ChildSpec spec;
  spec.name = std::move(name);
  spec.type = "plain";
  spec.restart = restart;
  return spec;
}

/// A tree and its model, to which the same is done.
struct Twin {
  Record record;
  Registry registry = recorded_registry(record);
  TestNode node{registry};
  Model model;
  std::map<std::string, std::uint64_t> incarnations = {};
  std::map<std::string, int> starts = {};
  std::string done = "starts";
  bool ordered = true;  // whether deaths are: below a supervisor that is killed they are not

  explicit Twin(const SupervisorSpec& spec) {
    model.root.path = "/";
    model.root.spec.supervisor = std::make_shared<SupervisorSpec>(spec);
    model.now = node.now();
    model.start(model.root);
    node.start(spec);
    node.advance(2s);
  }

  void compare() {
    CAPTURE(done);
    REQUIRE(record.violations.empty());
    REQUIRE(text(paths_of(record.born)) == text(model.born));
    Paths died = paths_of(record.died);
    if (!ordered) {
      std::sort(died.begin(), died.end());
      std::sort(model.died.begin(), model.died.end());
    }
    REQUIRE(text(died) == text(model.died));
    Paths running;
    if (model.root.running) running.push_back("/");
    for (const Model::Node* const each : nodes_below(model.root))
      if (each->running) running.push_back(each->path);
    std::sort(running.begin(), running.end());
    REQUIRE(text(node.running_paths()) == text(running));
    for (const std::string& path : running) {
      const std::uint64_t now = node.incarnation(path);
      std::uint64_t& before = incarnations[path];
      REQUIRE(now >= before);
      const bool began = now != before, should = model.starts[path] != starts[path];
      REQUIRE_MESSAGE(began == should, path);
      before = now;
    }
    starts = model.starts;
    record.born.clear();
    record.died.clear();
    model.born.clear();
    model.died.clear();
    ordered = true;
  }

  void fault(Dice& dice) {
    std::vector<Model::Node*> targets = nodes_below(model.root);
    std::erase_if(targets, [](const Model::Node* each) { return !each->running; });
    if (targets.empty()) return;
    Model::Node& target = *dice.pick(targets);
    const std::string path = target.path;  // the node may be forgotten
    model.now = node.now();
    const bool ends = !target.spec.supervisor && dice.chance(30);
    ordered = target.spec.supervisor == nullptr;
    done += ", " + path + (ends ? " ends" : " fails");
    model.stop(target);
    model.now = node.now();  // it ended at once
    model.ended(target, !ends);
    if (ends) {
      node.tell<wire::Poke>(path, poke_frame("end"));
    } else if (dice.chance(50)) {
      node.kill(path);
    } else {
      node.throw_in_next(path, "thrown");
      node.tell<wire::Poke>(path, poke_frame("none"));
    }
  }

  template <class Request>
  bool ask(const std::string& path, const Request& request) {
    const auto answer = node.ask(path, Request::type(), to_frame(request), 1s);
    REQUIRE(answer.has_value());
    return answer->ok();
  }

  void change(Dice& dice) {
    std::vector<Model::Node*> supervisors = nodes_below(model.root);
    supervisors.push_back(&model.root);
    std::erase_if(supervisors,
                  [](const Model::Node* each) { return !each->running || !each->spec.supervisor; });
    Model::Node& target = *dice.pick(supervisors);
    done += ", a change in " + target.path;
    switch (dice.roll(3)) {
      case 0: {
        const ChildSpec spec = leaf(std::string(1, static_cast<char>('c' + dice.roll(4))),
                                    static_cast<Restart>(dice.roll(3)));
        const bool taken =
            std::any_of(target.below.begin(), target.below.end(),
                        [&](const auto& each) { return each->spec.name == spec.name; });
        REQUIRE(ask(target.path, StartChild{spec}) == !taken);
        if (!taken) model.add(target, spec);
        break;
      }
      case 1: {
        const std::size_t at = dice.roll(target.below.size() + 1);
        const bool there = at < target.below.size();
        const std::string name = there ? target.below[at]->spec.name : "nobody";
        REQUIRE(ask(target.path, StopChild{name}) == there);
        if (there) model.remove(*target.below[at]);
        break;
      }
      default:
        scale(target, static_cast<std::uint32_t>(dice.roll(5)));
    }
  }

  void scale(Model::Node& target, std::uint32_t count) {
    const auto number = [](const std::string& name) {
      return name.front() >= '0' && name.front() <= '9' ? std::stoul(name) : std::size_t{0} - 1;
    };
    const ChildSpec* const replica = target.spec.supervisor->replica.get();
    REQUIRE(ask(target.path, ScaleChildren{count}) == (replica != nullptr));
    if (!replica) return;
    for (std::size_t at = target.below.size(); at-- > 0;) {
      const std::size_t k = number(target.below[at]->spec.name);
      if (k < 10 && k >= count) model.remove(*target.below[at]);
    }
    for (std::uint32_t k = 0; k < count; ++k) {
      if (std::any_of(target.below.begin(), target.below.end(),
                      [&](const auto& child) { return number(child->spec.name) == k; }))
        continue;
      ChildSpec spec = *replica;
      spec.name = std::to_string(k);
      model.add(target, spec);
    }
  }
};

}  // namespace

TEST_CASE(
    "Supervisor: in random trees at rest exactly those restart that should, in order, after each "
    "end (SUP-1 to SUP-4, SUP-8, SUP-10)") {
  for (const std::uint64_t seed : seeds(3000)) {
    CAPTURE(seed);
    Dice dice{seed};
    const SupervisorSpec spec = random_tree(dice, {"plain", "late", "slow", "stubborn"}, 3);
    INFO(text(spec));
    Twin twin{spec};
    twin.compare();
    for (int step = 0; step < 12 && twin.model.root.running; ++step) {
      CAPTURE(step);
      dice.chance(70) ? twin.fault(dice) : twin.change(dice);
      // Often the next end is as old as the period exactly.
      twin.node.advance(dice.chance(50) ? 5s : 3s);
      twin.compare();
    }
  }
}
