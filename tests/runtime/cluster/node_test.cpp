#include "runtime/cluster/node.hpp"

#include <capnp/message.h>

#include <chrono>
#include <set>
#include <thread>

#include "runtime/base/error.hpp"
#include "runtime/control/control_client.hpp"
#include "tests/support/deliberate_leak.hpp"
#include "tests/support/node_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::test;
using namespace std::chrono_literals;

TEST_CASE_FIXTURE(NodeFixture,
                  "Node: starts a tree, answers, restarts what fails, and stops with nobody left") {
  start({child("a"), child("b")});
  node->tell<wire::Add>("/a", add_frame(4));
  CHECK(total("/a") == 4);
  const Answer answer = poke("/a", "throw");
  CHECK(answer.failure().text == "/a ended (failed): poked");
  CHECK(total_of(ask_until_answered("/a")) == 0);
  CHECK(row("/a").restarts == 1);
  CHECK(row("/a").last_error == "failed: poked");
  CHECK(row("/b").state == "running");
  CHECK(node->stop().empty());
}

TEST_CASE_FIXTURE(NodeFixture, "Node: two of them in one process do not see each other") {
  NodeFixture other;
  start({child("a")});
  other.start({child("a")});
  node->tell<wire::Add>("/a", add_frame(1));
  CHECK(total("/a") == 1);
  CHECK(other.total("/a") == 0);
  CHECK(other.node->stop().empty());
  CHECK(total("/a") == 1);
}

TEST_CASE_FIXTURE(NodeFixture, "Node: a tree whose children cannot start says why") {
  try {
    start({child("a"), child("x", "refuses")}, 2);
    FAIL("it started");
  } catch (const Error& error) {
    CHECK(std::string{error.what()}.find("it refuses to be made") != std::string::npos);
  }
}

TEST_CASE("Node: who asks it to stop before its tree has started is heard") {
  const TemporaryFolder folder;
  NodeOptions options;
  options.log_descriptor = -1;
  options.control = folder.path() + "/node.sock";
  const Registry registry = test_registry();
  Node node{options, registry};
  ControlClient{*options.control, 20s}.request(R"({"command": "stop"})", 20s);
  SupervisorSpec root;
  root.children = {child("a")};
  node.start(root);
  const std::optional<Exit> exit = node.wait(20s);
  REQUIRE(exit);
  CHECK_FALSE(exit->abnormal());
}

TEST_CASE_FIXTURE(NodeFixture, "Node: a silent actor costs its asker no more than the deadline") {
  start({child("a")});
  node->tell<wire::Poke>("/a", poke_frame("keep"));
  const Answer answer = node->ask<wire::Poke>("/a", poke_frame("keep"), 20ms);
  CHECK(answer.failure().kind == FailureKind::timeout);
}

TEST_CASE("Node: an actor that always has something to do leaves the others their turns") {
  Registry registry = test_registry();
  NodeOptions options;
  options.name = "busy";
  options.threads = 1;
  options.log_descriptor = -1;
  Node node{options, registry};
  SupervisorSpec root;
  root.children = {child("busy", "endless"), child("a")};
  node.start(root);
  CHECK(node.ask<wire::Total>("/a", total_frame(), 20s).ok());
  CHECK(node.stop(20s).empty());
}

TEST_CASE_FIXTURE(NodeFixture, "Node: children are added, stopped and scaled while it runs") {
  SupervisorSpec group;
  group.children = {child("0"), child("1")};
  group.replica = std::make_shared<const ChildSpec>(child(""));
  ChildSpec spec;
  spec.name = "g";
  spec.supervisor = std::make_shared<const SupervisorSpec>(group);
  start({spec});
  node->scale("/g", 4);
  CHECK(total_of(ask_until_answered("/g/3")) == 0);
  node->scale("/g", 1);
  CHECK(ask_until_answered("/g/0").ok());
  node->start_child("/", child("new"));
  CHECK(ask_until_answered("/new").ok());
  node->stop_child("/", "new");
  CHECK_THROWS_AS(node->stop_child("/", "never"), Error);
}

TEST_CASE("Node: an actor that hangs is given up: its askers hear so, another one takes its place, and it is named") {
  const DeliberateLeak what_it_uses;
  NodeFixture fixture;
  ChildSpec stuck = child("stuck");
  stuck.stop_within = 50ms;
  fixture.start({child("a"), stuck});
  fixture.node->tell<wire::Poke>("/stuck", poke_frame("hang"));
  while (fixture.row("/stuck").mailbox_depth != 0) std::this_thread::yield();  // it hangs
  Answer answer{Frame{}};
  std::thread asker{
      [&] { answer = fixture.node->ask<wire::Total>("/stuck", total_frame(), std::chrono::hours{1}); }};
  while (fixture.row("/stuck").mailbox_depth == 0) std::this_thread::yield();  // the request waits
  FaultOrder kill;
  kill.path = "/stuck";
  fixture.node->inject(kill);
  asker.join();
  CHECK(answer.failure().kind == FailureKind::ended);
  CHECK(fixture.ask_until_answered("/stuck").ok());
  const std::vector<std::string> left = fixture.node->stop(500ms);
  CHECK(left == std::vector<std::string>{"/stuck"});
  release_hanging();
}
