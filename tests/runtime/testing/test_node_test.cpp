#include "runtime/testing/test_node.hpp"

#include <capnp/message.h>

#include <chrono>

#include "runtime/cluster/node_core.hpp"
#include "tests/messages.capnp.h"
#include "tests/support/actors.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

SupervisorSpec tree(std::vector<ChildSpec> children, Strategy strategy = Strategy::one_for_one) {
  SupervisorSpec spec;
  spec.strategy = strategy;
  spec.children = std::move(children);
  return spec;
}

struct Fixture {
  Registry registry = test_registry();
  TestNode node{registry};

  std::int64_t total(const char* path) {
    const auto answer = node.ask<wire::Total>(path, total_frame());
    REQUIRE(answer.has_value());
    return total_of(*answer);
  }
  Failure failure(const std::optional<Answer>& answer) {
    REQUIRE(answer.has_value());
    REQUIRE_FALSE(answer->ok());
    return answer->failure();
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "TestNode: an actor hears what it is told and answers what it is asked") {
  node.start(tree({child("a")}));
  node.tell<wire::Add>("/a", add_frame(2));
  node.tell<wire::Add>("/a", add_frame(3));
  CHECK(total("/a") == 5);
}

TEST_CASE_FIXTURE(Fixture, "TestNode: an actor that always has something to do leaves the others their turns") {
  node.start(tree({child("busy", "endless"), child("a")}));
  CHECK(node.incarnation("/a") != 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "Cell: a handler that throws ends its actor with the text as reason, and nothing "
                  "else (CELL-1)") {
  node.start(tree({child("a"), child("b")}));
  node.tell<wire::Add>("/a", add_frame(2));
  node.tell<wire::Add>("/b", add_frame(7));
  const std::uint64_t before = node.incarnation("/a");
  const Failure why = failure(node.ask<wire::Poke>("/a", poke_frame("throw")));
  CHECK(why.kind == FailureKind::ended);
  CHECK(why.text == "/a ended (failed): poked");
  CHECK(node.incarnation("/a") > before);
  CHECK(total("/a") == 0);
  CHECK(total("/b") == 7);
}

TEST_CASE_FIXTURE(Fixture,
                  "Cell: a kept reply whose holder dies is answered with the reason (CELL-2)") {
  node.start(tree({child("a")}));
  std::optional<Answer> kept;
  node.core().ask(node.ref("/a"), MessageType::of<wire::Poke>(), poke_frame("keep"), 5s,
                  [&](Answer a) { kept = std::move(a); });
  node.run();
  CHECK_FALSE(kept.has_value());
  node.tell<wire::Poke>("/a", poke_frame("throw"));
  CHECK(failure(kept).text == "/a ended (failed): poked");
}

TEST_CASE_FIXTURE(Fixture, "Cell: a request that the actor ends with is answered with its end") {
  node.start(tree({child("a")}));
  CHECK(failure(node.ask<wire::Poke>("/a", poke_frame("end"))).text == "/a ended (normal)");
}

TEST_CASE_FIXTURE(Fixture, "Cell: a message whose handler throws is counted as handled") {
  node.start(tree({child("a")}));
  node.tell<wire::Poke>("/a", poke_frame("throw"));
  const std::string metrics = node.core().metrics();
  CHECK(metrics.find("troupe_actor_messages_total{type=\"counter\"} 1\n") != std::string::npos);
  CHECK(metrics.find("troupe_actor_failures_total{type=\"counter\"} 1\n") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture,
                  "Cell: a request to nobody fails at once, a silent one at its deadline and not "
                  "before (CELL-2)") {
  node.start(tree({child("a"), child("b")}));
  CHECK(failure(node.ask<wire::Total>("/nobody", total_frame())).kind == FailureKind::not_running);
  std::optional<Answer> asked;
  node.stall("/b", 10s);
  node.core().ask(node.ref("/a"), MessageType::of<wire::Poke>(), poke_frame("sum", "b"), 60s,
                  [&](Answer a) { asked = std::move(a); });
  node.advance(2s - 1ns);
  CHECK_FALSE(asked.has_value());
  node.advance(1ns);
  CHECK(failure(asked).text == "/a: /b did not answer within 2s");
}

TEST_CASE_FIXTURE(Fixture,
                  "Cell: requests to an actor that dies with them in its mailbox fail at once") {
  node.start(tree({child("a"), child("b")}));
  std::optional<Answer> asked;
  node.stall("/b", 10s);
  node.core().ask(node.ref("/a"), MessageType::of<wire::Poke>(), poke_frame("sum", "b"), 60s,
                  [&](Answer a) { asked = std::move(a); });
  node.run();
  node.kill("/b", "for the test");
  CHECK(failure(asked).text == "/a: /b ended (killed): for the test");
}

TEST_CASE_FIXTURE(Fixture, "Cell: a malformed message costs the message, not the actor") {
  node.start(tree({child("a")}));
  const std::uint64_t before = node.incarnation("/a");
  CHECK(failure(node.ask<wire::Poke>("/a", poke_frame("malformed"))).kind == FailureKind::refused);
  CHECK(failure(node.ask<wire::Poke>("/a", Frame{})).text.find("malformed Poke") !=
        std::string::npos);
  CHECK(node.incarnation("/a") == before);
}

TEST_CASE_FIXTURE(Fixture, "Cell: a message that it does not hear is refused by name") {
  node.start(tree({child("a", "echo")}));
  CHECK(failure(node.ask<wire::Total>("/a", total_frame())).kind == FailureKind::refused);
}

TEST_CASE_FIXTURE(Fixture, "Cell: inside a process a frame is handed over, not copied") {
  node.start(tree({child("a", "echo")}));
  const Frame frame = poke_frame("x");
  const auto answer = node.ask<wire::Poke>("/a", frame);
  REQUIRE(answer.has_value());
  CHECK(answer->frame().bytes().data() == frame.bytes().data());
}

TEST_CASE_FIXTURE(Fixture, "Cell: timers and kept replies follow virtual time") {
  node.start(tree({child("a")}));
  std::optional<Answer> asked;
  node.core().ask(node.ref("/a"), MessageType::of<wire::Poke>(), poke_frame("wait"), 5s,
                  [&](Answer a) { asked = std::move(a); });
  node.advance(100ms - 1ns);
  CHECK_FALSE(asked.has_value());
  node.advance(1ns);
  REQUIRE(asked.has_value());
  CHECK(total_of(*asked) == 0);
}

TEST_CASE_FIXTURE(
    Fixture,
    "Cell: what an executor's job returns comes back as a message, what it throws ends the actor") {
  node.start(tree({child("a", "works")}));
  const auto answer = node.ask<wire::Poke>("/a", poke_frame("work"));
  REQUIRE(answer.has_value());
  CHECK(total_of(*answer) == 42);
  CHECK(failure(node.ask<wire::Poke>("/a", poke_frame("throw"))).text ==
        "/a ended (failed): the job failed");
}

TEST_CASE_FIXTURE(Fixture, "Supervisor: children start in order, each when the one before is up") {
  node.start(tree({child("a"), child("b", "late"), child("c")}));
  CHECK(node.running("/a"));
  CHECK_FALSE(node.running("/b"));
  CHECK_FALSE(node.running("/c"));
  CHECK_FALSE(node.running("/"));
  node.advance(50ms);
  CHECK(node.running("/c"));
  CHECK(node.running("/"));
}

TEST_CASE_FIXTURE(
    Fixture, "Supervisor: intensity is obeyed, then it gives up, and its own supervisor decides") {
  auto inner = std::make_shared<SupervisorSpec>(tree({child("x")}));
  inner->intensity = 2;
  ChildSpec group;
  group.name = "g";
  group.supervisor = inner;
  node.start(tree({group, child("a")}));
  const std::uint64_t before = node.incarnation("/g");
  for (int i = 0; i < 2; ++i) node.tell<wire::Poke>("/g/x", poke_frame("throw"));
  CHECK(node.incarnation("/g") == before);
  node.tell<wire::Poke>("/g/x", poke_frame("throw"));
  CHECK(node.incarnation("/g") > before);
  CHECK(node.running("/g/x"));
  CHECK(total("/g/x") == 0);
}

TEST_CASE_FIXTURE(
    Fixture,
    "Supervisor: a child that does not stop in time is ended hard, the others in reverse order") {
  node.start(tree({child("a"), child("b", "stubborn"), child("c")}));
  node.stop();
  CHECK(node.running("/a"));
  CHECK(node.running("/b"));
  CHECK_FALSE(node.running("/c"));
  node.advance(5s - 1ns);
  CHECK(node.running("/b"));
  node.advance(1ns);
  CHECK(node.running_paths().empty());
  CHECK(node.last_exit("/b")->kind == ExitKind::killed);
  CHECK(node.last_exit("/a")->kind == ExitKind::shutdown);
  CHECK(node.last_exit("/")->kind == ExitKind::shutdown);
}

TEST_CASE_FIXTURE(Fixture,
                  "Supervisor: when it is killed all below it end, and come back with it") {
  auto inner = std::make_shared<SupervisorSpec>(tree({child("x"), child("y")}));
  ChildSpec group;
  group.name = "g";
  group.supervisor = inner;
  node.start(tree({group}));
  const std::uint64_t before = node.incarnation("/g/y");
  node.kill("/g");
  CHECK(node.running("/g/y"));
  CHECK(node.incarnation("/g/y") > before);
}

TEST_CASE_FIXTURE(Fixture, "Supervisor: no message of an old incarnation counts (NAME-1)") {
  node.start(tree({child("a"), child("b")}));
  node.add_fault({MessageFault::Kind::delay, "/a", "/b", 1.0, 1s, 1});
  node.tell<wire::Poke>("/a", poke_frame("tell", "b"));
  node.kill("/a");
  node.advance(2s);
  CHECK(total("/b") == 0);
  node.tell<wire::Poke>("/a", poke_frame("tell", "b"));
  CHECK(total("/b") == 1);
}

TEST_CASE_FIXTURE(Fixture, "Faults: messages are dropped, delayed and duplicated as told") {
  node.start(tree({child("a"), child("b")}));
  node.add_fault({MessageFault::Kind::drop, "*", "/a", 1.0, {}, 1});
  node.tell<wire::Add>("/a", add_frame(1));
  node.tell<wire::Add>("/a", add_frame(10));
  CHECK(total("/a") == 10);
  node.add_fault({MessageFault::Kind::duplicate, "*", "/b", 1.0, {}, 1});
  node.tell<wire::Add>("/b", add_frame(1));
  CHECK(total("/b") == 2);
  node.throw_in_next("/b", "injected");
  CHECK(failure(node.ask<wire::Total>("/b", total_frame())).text == "/b ended (failed): injected");
}
