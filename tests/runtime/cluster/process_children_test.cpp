#include "runtime/cluster/process_children.hpp"

#include <capnp/message.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>

#include "runtime/base/error.hpp"
#include "runtime/cluster/shared_memory.hpp"
#include "runtime/plugin.hpp"
#include "tests/support/node_fixture.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::test;
using namespace std::chrono_literals;

TEST_CASE_FIXTURE(NodeFixture, "Process: a child in a process of its own answers as any other") {
  start({child("near"), isolated(child("far"))});
  node->tell<wire::Add>("/far", add_frame(4));
  CHECK(total("/far") == 4);
  CHECK(row("/far").pid != ::getpid());
  CHECK(row("/near").pid == ::getpid());
  // From there to here and back.
  node->tell<wire::Add>("/near", add_frame(9));
  CHECK(total_of(poke("/far", "sum", "near")) == 9);
  CHECK(total_of(poke("/near", "sum", "far")) == 4);
  CHECK(node->stop().empty());
}

TEST_CASE_FIXTURE(
    NodeFixture,
    "Process: its death is told by the signal's name, and it is started again (PROC-1)") {
  start({isolated(child("far"))});
  for (const auto& [number, name] :
       {std::pair{SIGKILL, "SIGKILL"}, std::pair{SIGSEGV, "SIGSEGV"}}) {
    const Answer before = ask_until_answered("/far");
    REQUIRE(before.ok());
    // It keeps the reply, and dies with it.
    const auto pid = static_cast<pid_t>(row("/far").pid);
    REQUIRE(pid != ::getpid());
    std::thread killer{[pid, number = number] { ::kill(pid, number); }};
    const Answer lost = poke("/far", "keep");
    killer.join();
    CHECK_FALSE(lost.ok());
    const Answer after = ask_until_answered("/far");
    REQUIRE(after.ok());
    CHECK(incarnation_of(after) > incarnation_of(before));
    CHECK(row("/far").last_error.find(name) != std::string::npos);
  }
}

TEST_CASE_FIXTURE(NodeFixture,
                  "Process: one that is stopped by a signal is found, named and replaced") {
  start({isolated(child("far"))});
  const Answer before = ask_until_answered("/far");
  REQUIRE(before.ok());
  ::kill(static_cast<pid_t>(row("/far").pid), SIGSTOP);
  const Answer lost = poke("/far", "keep");
  CHECK_FALSE(lost.ok());
  const Answer after = ask_until_answered("/far");
  REQUIRE(after.ok());
  CHECK(incarnation_of(after) > incarnation_of(before));
  CHECK(row("/far").last_error.find("SIGSTOP") != std::string::npos);
}

TEST_CASE_FIXTURE(NodeFixture, "Process: what a handler there throws is the reason here") {
  start({isolated(child("far"))});
  const Answer answer = poke("/far", "throw");
  CHECK(answer.failure().text.find("poked") != std::string::npos);
  REQUIRE(ask_until_answered("/far").ok());
  CHECK(row("/far").last_error == "failed: poked");
}

TEST_CASE_FIXTURE(NodeFixture, "Process: a normal end there is one here") {
  ChildSpec far = isolated(child("far", "counter", Restart::transient));
  start({far, child("near")});
  CHECK_FALSE(poke("/far", "end").ok());
  CHECK(total("/near") == 0);
  const auto until = std::chrono::steady_clock::now() + 20s;
  while (row("/far").state != "ended" && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  CHECK(row("/far").state == "ended");
  CHECK(row("/far").last_error.empty());
}

TEST_CASE_FIXTURE(NodeFixture, "Process: a whole subtree lives in one, under its own supervisor") {
  SupervisorSpec inner;
  inner.children = {child("x"), child("y")};
  inner.intensity = 100;
  ChildSpec group = isolated({});
  group.name = "g";
  group.supervisor = std::make_shared<const SupervisorSpec>(inner);
  start({group, child("near")});
  CHECK(total_of(ask_until_answered("/g/y")) == 0);
  CHECK_FALSE(poke("/g/x", "throw").ok());
  CHECK(ask_until_answered("/g/x").ok());
  CHECK(total_of(poke("/near", "sum", "g/y")) == 0);
  ::kill(static_cast<pid_t>(row("/g").pid), SIGKILL);
  CHECK(ask_until_answered("/g/y").ok());
}

TEST_CASE_FIXTURE(NodeFixture, "Process: what happens in it is seen from outside") {
  ChildSpec group;
  group.name = "far";
  SupervisorSpec inner;
  inner.children = {child("a")};
  group.supervisor = std::make_shared<const SupervisorSpec>(inner);
  start({isolated(group)});
  const auto until = std::chrono::steady_clock::now() + 30s;
  const auto asking_until = [&](auto&& holds) {
    bool held = holds();
    for (; !held && std::chrono::steady_clock::now() < until; held = holds())
      ask_until_answered("/far/a");
    CHECK(held);
  };
  REQUIRE(ask_until_answered("/far/a").ok());
  poke("/far/a", "throw");
  REQUIRE(ask_until_answered("/far/a").ok());
  poke("/far/a", "malformed");
  asking_until([&] { return row("/far/a").restarts == 1; });
  CHECK(row("/far/a").last_error.find("poked") != std::string::npos);
  CHECK(row("/far/a").pid == row("/far").pid);
  CHECK(row("/far/a").node == "fixture");
  asking_until([&] {
    for (const LogRecord& record : node->log().records_since(0, 1000).records)
      if (record.actor == "/far/a" && record.level == LogLevel::warning && record.node == "fixture")
        return true;
    return false;
  });
  const auto counted = [&](const std::string& series) {
    return node->metrics().find("troupe_actor_restarts_total{" + series + "} 1") != std::string::npos;
  };
  asking_until([&] { return counted(R"(process="/far",type="counter")"); });
  ::kill(static_cast<pid_t>(row("/far").pid), SIGKILL);
  asking_until([&] { return counted(R"(type="supervisor")"); });
}

TEST_CASE_FIXTURE(NodeFixture,
                  "Process: a tree in it may be deep, and one that is too deep is told") {
  const auto tree = [](int levels) {
    ChildSpec spec = child("s");
    for (int level = 0; level < levels; ++level) {
      SupervisorSpec above;
      above.children = {spec};
      spec = {};
      spec.name = "s";
      spec.supervisor = std::make_shared<const SupervisorSpec>(above);
    }
    return isolated(spec);
  };
  SUBCASE("deep") {
    start({tree(12)});
    std::string path;
    for (int level = 0; level <= 12; ++level) path += "/s";
    CHECK(total_of(ask_until_answered(path)) == 0);
  }
  SUBCASE("too deep") {
    try {
      start({tree(40)}, 1);
      FAIL("it started");
    } catch (const Error& error) {
      CHECK(std::string{error.what()}.find("too deeply") != std::string::npos);
    }
  }
}

TEST_CASE_FIXTURE(NodeFixture, "Process: memory is shared with it") {
  const auto memory = node->share("numbers", 4096);
  start({isolated(child("far"))});
  CHECK(poke("/far", "memory", "numbers").ok());
  CHECK(memory->bytes()[0] == std::byte{42});
  CHECK(poke("/far", "memory", "none").failure().text.find("there is no shared memory \"none\"") !=
        std::string::npos);
  // The next process has it too.
  REQUIRE(ask_until_answered("/far").ok());
  memory->writable_bytes()[0] = std::byte{0};
  CHECK(poke("/far", "memory", "numbers").ok());
  CHECK(memory->bytes()[0] == std::byte{42});
}

TEST_CASE_FIXTURE(NodeFixture, "Process: faults reach the actors in it") {
  start({isolated(child("far")), child("near")});
  FaultOrder fault;
  fault.path = "/far";
  fault.kind = FaultOrder::Kind::drop;
  node->inject(fault);
  node->tell<wire::Add>("/far", add_frame(1));
  node->tell<wire::Add>("/far", add_frame(10));
  CHECK(total("/far") == 10);
  fault.kind = FaultOrder::Kind::throw_next;
  fault.text = "injected";
  node->inject(fault);
  CHECK(poke("/far", "keep").failure().text.find("injected") != std::string::npos);
  REQUIRE(ask_until_answered("/far").ok());
  fault.path = "/nobody";
  CHECK_THROWS_AS(node->inject(fault), Error);
}

TEST_CASE_FIXTURE(NodeFixture, "Process: a type of a plugin is there too") {
  const char* const plugins = std::getenv("TROUPE_TEST_PLUGINS");
  REQUIRE(plugins != nullptr);
  load_plugin(std::string{plugins} + "/libplugin_good.so", registry);
  try {
    start({isolated(child("far", "from_plugin"))}, 1);
    FAIL("it started");
  } catch (const Error& error) {  // what its factory throws, over there
    CHECK(std::string{error.what()}.find("this type makes no actors") != std::string::npos);
  }
}

TEST_CASE_FIXTURE(NodeFixture, "Process: a plugin that cannot be loaded there is the reason here") {
  ActorType type = *registry.find("counter");
  type.name = "lost";
  type.origin = "/nowhere/libmine.so";
  registry.add(type);
  try {
    start({isolated(child("far", "lost"))}, 1);
    FAIL("it started");
  } catch (const Error& error) {
    CHECK(std::string{error.what()}.find("plugin /nowhere/libmine.so: no such file") !=
          std::string::npos);
  }
}
