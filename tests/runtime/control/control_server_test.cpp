#include "runtime/control/control_server.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <deque>
#include <random>
#include <thread>

#include "tests/runtime/control/fixture.hpp"
#include "tests/support/skip.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::test;

TEST_CASE("ControlServer: a request is answered, and the next one on the same connection") {
  ControlledNode node;
  RawClient client{node.path()};
  CHECK(client.ask(R"({"command":"echo","x":1})") == R"({"ok":{"command":"echo","x":1}})");
  CHECK(client.ask("{\"command\":\"echo\"}\r") == R"({"ok":{"command":"echo"} })");
  REQUIRE(client.send("{\"command\":\"echo\"}\n{\"command\":\"drop\"}\n{\"command\":\"echo\"}\n"));
  CHECK(client.line() == R"({"ok":{"command":"echo"}})");
  CHECK(client.line() == R"({"error":"the node dropped the request"})");
  CHECK(client.line() == R"({"ok":{"command":"echo"}})");
}

TEST_CASE("ControlServer: a client that ends its input is still answered") {
  ControlledNode node;
  RawClient client{node.path()};
  REQUIRE(client.send("{\"command\":\"keep\"}\n{\"command\":\"echo\"}\n{\"command\""));
  client.end_input();
  ControlAnswer answer = node.kept.take();
  node.settle();
  CHECK(answer.alive());
  answer.ok("1");
  CHECK(client.line() == R"({"ok":1})");
  CHECK(client.line() == R"({"ok":{"command":"echo"}})");
  CHECK(!client.line());
}

TEST_CASE("ControlServer: two servers in one process do not meet") {
  ControlledNode a, b;
  RawClient to_a{a.path()}, to_b{b.path()};
  REQUIRE(to_a.send("{\"command\":\"keep\"}\n"));
  REQUIRE(to_b.send("{\"command\":\"keep\"}\n"));
  a.kept.take().ok("\"a\"");
  b.kept.take().ok("\"b\"");
  CHECK(to_a.line() == R"({"ok":"a"})");
  CHECK(to_b.line() == R"({"ok":"b"})");
}

TEST_CASE("ControlServer: what is no request gets one line that says so, and the next one counts") {
  ControlledNode node;
  RawClient client{node.path()};
  const auto expect = [&](std::string_view request, std::string_view got) {
    const std::string answer = client.ask(request);
    CAPTURE(answer);
    CHECK(answer.starts_with("{\"error\":\""));
    CHECK(contains(answer, got));
  };
  expect("", "got something that is not JSON");
  expect("ps", "got something that is not JSON");
  expect("{\"command\":\"\xff\"}", "got something that is not JSON");
  expect(std::string_view{"\0\0", 2}, "got something that is not JSON");
  expect("[1]", "got a JSON array");
  expect("{}", "got an object without one");
  expect(R"({"command":7})", "got a command that is a number");
  expect(std::string(60'000, '['), "got something that is not JSON");
  expect(std::string(30'000, '[') + std::string(30'000, ']'), "got a JSON array");
  expect(R"({"command":"pss\n\u001b"})",
         R"(unknown command \"pss\\n\\x1b\", expected one of: drop echo keep stream throw)");
  expect(R"({"command":")" + std::string(60'000, 'x') + "\"}", "xxx…");
  expect(R"({"command":"throw"})", R"({"error":"no\nway"})");
  expect(R"({"command":"throw int"})", "no std::exception");
  expect(R"({"command":"drop"})", "the node dropped the request");
  CHECK(contains(client.ask(R"({"command":"echo"})"), "ok"));
}

TEST_CASE("ControlServer: it outlives random bytes") {
  ControlledNode node;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    std::mt19937_64 random{seed};
    RawClient client{node.path()};
    std::string bytes(random() % 5000, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 8 == 0 ? '\n' : random());
    client.send(bytes);
    client.end_input();
    while (const auto line = client.line()) CHECK(line->starts_with("{\"error\":"));
  }
  node.settle();
}

TEST_CASE(
    "ControlServer: a request that is too long ends its connection, one at the limit does not") {
  ControlLimits limits;
  limits.request_bytes = 100;
  ControlledNode node{limits};
  RawClient client{node.path()};
  std::string request = R"({"command":"echo"})";
  request.resize(100, ' ');
  CHECK(contains(client.ask(request), "ok"));
  for (const std::string end : {"", "\n"}) {
    RawClient greedy{node.path()};
    REQUIRE(greedy.send(request + " " + end));
    CHECK(greedy.line() ==
          R"({"error":"request: expected at most 100 bytes on a line, got more"})");
    CHECK(!greedy.line());
  }
}

TEST_CASE("ControlServer: a client without a whole request is let go, however slowly it types") {
  ControlledNode node;
  RawClient client{node.path()};
  client.ask(R"({"command":"echo"})");
  node.settle();
  for (int i = 0; i < 29; ++i) {
    REQUIRE(client.send("{"));
    node.advance(std::chrono::seconds{1});
  }
  node.settle();
  CHECK(!client.has_input());
  node.advance(std::chrono::seconds{1});
  CHECK(!client.line());
}

TEST_CASE("ControlServer: a whole request gives its client time anew") {
  ControlledNode node;
  RawClient client{node.path()};
  for (int i = 0; i < 5; ++i) {
    CHECK(contains(client.ask(R"({"command":"echo"})"), "ok"));
    node.settle();
    node.advance(std::chrono::seconds{29});
  }
}

TEST_CASE("ControlServer: a request has a deadline, and what comes later does not count") {
  ControlledNode node;
  RawClient client{node.path()};
  REQUIRE(client.send("{\"command\":\"keep\"}\n"));
  ControlAnswer late = node.kept.take();
  node.advance(std::chrono::milliseconds{9999});
  node.settle();
  CHECK(late.alive());
  node.advance(std::chrono::milliseconds{1});
  CHECK(client.line() == R"({"error":"no answer within 10000 ms"})");
  CHECK(!late.alive());
  REQUIRE(client.send("{\"command\":\"keep\"}\n"));
  ControlAnswer next = node.kept.take();
  late.ok("\"late\"");
  late.line("\"late\"");
  late.end();
  next.ok("\"next\"");
  next.error("twice");
  CHECK(client.line() == R"({"ok":"next"})");
  CHECK(!next.alive());
  CHECK(contains(client.ask(R"({"command":"echo"})"), "ok"));
}

TEST_CASE("ControlServer: a stream has no deadline, and ends when its maker says so") {
  ControlledNode node;
  RawClient client{node.path()};
  REQUIRE(client.send("{\"command\":\"stream\"}\n"));
  ControlAnswer answer = node.kept.take();
  node.advance(std::chrono::hours{1});
  node.settle();
  CHECK(answer.alive());
  answer.line("{\n\"error\": 1}");
  CHECK(client.line() == R"({"line":{ "error": 1}})");
  node.advance(std::chrono::hours{1});
  node.settle();
  std::thread{[answer]() mutable {
    for (int i = 0; i < 1000; ++i) answer.line(std::to_string(i));
    answer.end();
  }}.join();
  for (int i = 0; i < 1000; ++i) CHECK(client.line() == "{\"line\":" + std::to_string(i) + "}");
  CHECK(client.line() == R"({"end":true})");
  CHECK(contains(client.ask(R"({"command":"echo"})"), "ok"));
}

TEST_CASE("ControlServer: an answer is completed by another thread, or dropped by it") {
  ControlledNode node;
  RawClient client{node.path()};
  REQUIRE(client.send("{\"command\":\"keep\"}\n"));
  std::thread{[answer = node.kept.take()]() mutable { answer.ok("2"); }}.join();
  CHECK(client.line() == R"({"ok":2})");
  REQUIRE(client.send("{\"command\":\"keep\"}\n"));
  std::thread{[answer = node.kept.take()] {}}.join();
  CHECK(client.line() == R"({"error":"the node dropped the request"})");
  REQUIRE(client.send("{\"command\":\"stream\"}\n"));
  std::thread{[answer = node.kept.take()]() mutable { answer.line("3"); }}.join();
  CHECK(client.line() == R"({"line":3})");
  CHECK(client.line() == R"({"error":"the node dropped the request"})");
}

TEST_CASE("ControlServer: a client that goes cancels what it asked for") {
  ControlledNode node;
  for (const std::string command : {"keep", "stream"}) {
    auto client = std::make_unique<RawClient>(node.path());
    REQUIRE(client->send("{\"command\":\"" + command + "\"}\n"));
    ControlAnswer answer = node.kept.take();
    CHECK(answer.alive());
    client.reset();
    node.settle();
    CHECK(!answer.alive());
    answer.line("1");
    answer.ok("1");
  }
  node.settle();
}

TEST_CASE(
    "ControlServer: a client that does not read loses its connection at the limit, or in time") {
  ControlLimits limits;
  limits.output_bytes = 1 << 20;
  ControlledNode node{limits};
  const std::string big = "\"" + std::string(100'000, 'x') + "\"";
  SUBCASE("at the limit") {
    RawClient client{node.path()};
    REQUIRE(client.send("{\"command\":\"stream\"}\n"));
    ControlAnswer answer = node.kept.take();
    int lines = 0;
    while (answer.alive() && lines < 100'000) {
      answer.line(big);
      ++lines;
    }
    CHECK(lines < 100);
    node.settle();
    CHECK(!answer.alive());
  }
  SUBCASE("in time") {
    RawClient client{node.path()};
    REQUIRE(client.send("{\"command\":\"stream\"}\n"));
    ControlAnswer answer = node.kept.take();
    for (int i = 0; i < 8; ++i) answer.line(big);
    node.settle();
    node.advance(std::chrono::seconds{29});
    node.settle();
    CHECK(answer.alive());
    node.advance(std::chrono::seconds{1});
    node.settle();
    CHECK(!answer.alive());
  }
  SUBCASE("not if it reads") {
    RawClient client{node.path()};
    REQUIRE(client.send("{\"command\":\"stream\"}\n"));
    ControlAnswer answer = node.kept.take();
    for (int i = 0; i < 100; ++i) {
      answer.line(big);
      REQUIRE(client.line());
    }
    answer.end();
    CHECK(client.line() == R"({"end":true})");
  }
}

TEST_CASE("ControlServer: an answer that could never be sent becomes an error") {
  ControlLimits limits;
  limits.output_bytes = 1000;
  ControlledNode node{limits};
  RawClient client{node.path()};
  for (const std::string command : {"keep", "stream"}) {
    REQUIRE(client.send("{\"command\":\"" + command + "\"}\n"));
    ControlAnswer answer = node.kept.take();
    if (command == "keep")
      answer.ok(std::string(2000, '1'));
    else
      answer.line(std::string(2000, '1'));
    CHECK(contains(client.line().value_or(""), "bytes, at most 1000 can be sent"));
    CHECK(!answer.alive());
  }
}

TEST_CASE("ControlServer: it serves many connections at once, and refuses one too many") {
  ControlledNode node;
  std::deque<RawClient> clients;
  for (int i = 0; i < 32; ++i) {
    clients.emplace_back(node.path());
    CHECK(contains(clients.back().ask(R"({"command":"echo"})"), "ok"));
  }
  RawClient extra{node.path()};
  CHECK(contains(extra.line().value_or(""), "has 32 control connections"));
  CHECK(!extra.line());
  std::deque<std::thread> threads;
  std::atomic<int> answered = 0;
  for (RawClient& client : clients)
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        client.send("{\"command\":\"echo\"}\n");
        if (client.line() == R"({"ok":{"command":"echo"}})") ++answered;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(answered == 32 * 20);
  clients.clear();
}

TEST_CASE("ControlServer: out of descriptors, clients wait until there are some") {
  ControlledNode node;
  RawClient first{node.path()};
  first.ask(R"({"command":"echo"})");
  RawClient waiting{node.path()};
  waiting.ask(R"({"command":"echo"})");
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  // The new limit leaves one number free, which the next client takes for its own end.
  const int free_number = ::dup(0);
  ::close(free_number);
  const rlimit tight{static_cast<rlim_t>(free_number) + 1, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
  {
    RawClient late{node.path()};
    CHECK(late.connect_error() == 0);
    CHECK(contains(first.ask(R"({"command":"echo"})"), "ok"));
    CHECK(contains(first.ask(R"({"command":"echo"})"), "ok"));
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    node.advance(std::chrono::milliseconds{100});
    CHECK(contains(late.ask(R"({"command":"echo"})"), "ok"));
  }
}

TEST_CASE(
    "ControlServer: at its end those who wait are told, and answers that are kept do nothing") {
  std::optional<ControlAnswer> kept;
  auto node = std::make_unique<ControlledNode>();
  RawClient client{node->path()};
  REQUIRE(client.send("{\"command\":\"keep\"}\n"));
  kept = node->kept.take();
  RawClient stopper{node->path()};
  REQUIRE(stopper.send("{\"command\":\"keep\"}\n"));
  node->kept.take().ok("\"stopping\"");
  node.reset();
  CHECK(client.line() == R"({"error":"the node has stopped"})");
  CHECK(!client.line());
  CHECK(stopper.line() == R"({"ok":"stopping"})");
  CHECK(!kept->alive());
  kept->ok("1");
}
