#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/testing/test_node.hpp"
#include "tests/messages.capnp.h"
#include "tests/support/actors.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

enum class End { normal, failed, killed };

/// /g looks after a, x and b; o stands beside it. Each has counted to 7.
struct Family {
  Registry registry = test_registry();
  TestNode node{registry};
  std::map<std::string, std::uint64_t> before = {};

  Family(Strategy strategy, Restart of_x, std::uint32_t intensity,
         Restart of_g = Restart::permanent, Strategy of_root = Strategy::one_for_one) {
    auto group = std::make_shared<SupervisorSpec>();
    group->strategy = strategy;
    group->intensity = intensity;
    group->children = {child("a"), child("x", "counter", of_x), child("b")};
    ChildSpec g;
    g.name = "g";
    g.restart = of_g;
    g.supervisor = group;
    SupervisorSpec root;
    root.strategy = of_root;
    root.children = {g, child("o")};
    node.start(root);
    for (const char* const path : {"/g", "/g/a", "/g/x", "/g/b", "/o"})
      before[path] = node.incarnation(path);
    for (const char* const path : {"/g/a", "/g/x", "/g/b", "/o"})
      node.tell<wire::Add>(path, add_frame(7));
  }

  void end_x(End how) {
    if (how == End::normal) node.tell<wire::Poke>("/g/x", poke_frame("end"));
    if (how == End::failed) node.tell<wire::Poke>("/g/x", poke_frame("throw"));
    if (how == End::killed) node.kill("/g/x");
    node.advance(1s);
  }

  /// Who began anew, and who is gone, which a '-' says.
  std::string changed() {
    std::string all;
    for (const auto& [path, incarnation] : before) {
      const bool runs = node.running(path);
      const bool anew = node.incarnation(path) != incarnation;
      if (path != "/g" && runs) {
        const auto total = node.ask<wire::Total>(path, total_frame());
        REQUIRE(total.has_value());
        CHECK(total_of(*total) == (anew ? 0 : 7));
      }
      if (!runs || anew) all += (all.empty() ? "" : " ") + path + (runs ? "" : "-");
    }
    return all;
  }
};

std::string name_of(End end) {
  return end == End::normal ? "normal" : end == End::failed ? "failed" : "killed";
}

}  // namespace

TEST_CASE("Supervisor: who restarts after which end of whom (SUP-3, SUP-8)") {
  const std::map<Strategy, std::string> group = {{Strategy::one_for_one, "/g/x"},
                                                 {Strategy::one_for_all, "/g/a /g/b /g/x"},
                                                 {Strategy::rest_for_one, "/g/b /g/x"}};
  const std::map<std::pair<Restart, End>, bool> again = {
      {{Restart::permanent, End::normal}, true},  {{Restart::permanent, End::failed}, true},
      {{Restart::permanent, End::killed}, true},  {{Restart::transient, End::normal}, false},
      {{Restart::transient, End::failed}, true},  {{Restart::transient, End::killed}, true},
      {{Restart::temporary, End::normal}, false}, {{Restart::temporary, End::failed}, false},
      {{Restart::temporary, End::killed}, false}};
  for (const auto& [by, restarted] : group) {
    for (const auto& [ended, restarts] : again) {
      const Strategy strategy = by;
      const Restart restart = ended.first;
      const End end = ended.second;
      INFO(to_string(strategy), ": ", to_string(restart), ", ", name_of(end));
      Family family{strategy, restart, 1};
      family.end_x(end);
      CHECK(family.changed() == (restarts ? restarted : "/g/x-"));
    }
  }
}

TEST_CASE("Supervisor: who restarts when it gives up, by its own place in the tree (SUP-4)") {
  struct Case {
    Restart of_g;
    Strategy of_root;
    std::string restarted;
  };
  const std::string gone = "/g- /g/a- /g/b- /g/x-", anew = "/g /g/a /g/b /g/x";
  const std::vector<Case> cases = {
      {Restart::permanent, Strategy::one_for_one, anew},
      {Restart::permanent, Strategy::one_for_all, anew + " /o"},
      {Restart::permanent, Strategy::rest_for_one, anew + " /o"},
      {Restart::transient, Strategy::one_for_one, anew},
      {Restart::transient, Strategy::one_for_all, anew + " /o"},
      {Restart::temporary, Strategy::one_for_one, gone},
      {Restart::temporary, Strategy::one_for_all, gone},
  };
  for (const Strategy strategy :
       {Strategy::one_for_one, Strategy::one_for_all, Strategy::rest_for_one}) {
    for (const Case& each : cases) {
      for (const End end : {End::normal, End::failed, End::killed}) {
        INFO(to_string(strategy), " below ", to_string(each.of_root), ": ", to_string(each.of_g),
             ", ", name_of(end));
        Family family{strategy, Restart::permanent, 0, each.of_g, each.of_root};
        family.end_x(end);
        CHECK(family.changed() == each.restarted);
        CHECK(family.node.running("/"));
      }
    }
  }
}

TEST_CASE("Supervisor: an end that calls for no restart makes nobody give up (SUP-3, SUP-4)") {
  for (const Strategy strategy :
       {Strategy::one_for_one, Strategy::one_for_all, Strategy::rest_for_one}) {
    Family transient{strategy, Restart::transient, 0};
    transient.end_x(End::normal);
    CHECK(transient.changed() == "/g/x-");
    Family temporary{strategy, Restart::temporary, 0};
    temporary.end_x(End::failed);
    CHECK(temporary.changed() == "/g/x-");
  }
}

TEST_CASE("Supervisor: the root that gives up ends with all below it, and says why (SUP-4)") {
  Registry registry = test_registry();
  TestNode node{registry};
  SupervisorSpec root;
  root.intensity = 0;
  root.children = {child("a"), child("b")};
  node.start(root);
  node.tell<wire::Poke>("/a", poke_frame("throw"));
  CHECK(node.running_paths().empty());
  REQUIRE(node.last_exit("/").has_value());
  CHECK(node.last_exit("/")->kind == ExitKind::failed);
  CHECK(node.last_exit("/")->reason == "a ended (failed: poked); 1 restarts within 5s, 0 allowed");
  CHECK(node.last_exit("/b")->kind == ExitKind::shutdown);
}

TEST_CASE("Supervisor: a child comes back when its backoff is over, and not before (SUP-7)") {
  const Registry registry = test_registry();
  SupervisorSpec root;
  root.intensity = 10;
  root.backoff = {100ms, 350ms, 2.0, 0.0};
  for (const Strategy strategy :
       {Strategy::one_for_one, Strategy::one_for_all, Strategy::rest_for_one}) {
    TestNode node{registry};
    root.strategy = strategy;
    root.children = {child("a"), child("b")};
    node.start(root);
    for (const Duration wait : std::vector<Duration>{100ms, 200ms, 350ms, 350ms}) {
      node.tell<wire::Poke>("/a", poke_frame("throw"));
      CHECK(node.running("/b") == (strategy == Strategy::one_for_one));
      node.advance(wait - 1ns);
      CHECK_FALSE(node.running("/a"));
      CHECK(node.running("/b") == (strategy == Strategy::one_for_one));
      node.advance(1ns);
      CHECK(node.running("/a"));
      CHECK(node.running("/b"));
    }
    node.advance(5s);  // calm: it begins anew
    node.kill("/a");
    node.advance(100ms);
    CHECK(node.running("/a"));
  }
}
