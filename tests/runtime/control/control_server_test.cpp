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

namespace {

using Handlers = std::map<std::string, ControlServer::Handler>;

/// A server with commands that a test completes by hand, on a clock that it moves.
struct Node {
  explicit Node(ControlLimits limits = {}) : server{path(), handlers(), clock, limits} {}

  std::string path() const { return folder.path + "/a/node.sock"; }

  Handlers handlers() {
    return {
        {"echo", [](const std::string& request, ControlAnswer answer) { answer.ok(request); }},
        {"throw", [](const std::string&, const ControlAnswer&) { throw std::runtime_error{"no\nway"}; }},
        {"throw int", [](const std::string&, const ControlAnswer&) { throw 1; }},
        {"drop", [](const std::string&, const ControlAnswer&) {}},
        {"keep", [this](const std::string&, const ControlAnswer& answer) { kept.put(answer); }},
        {"stream", [this](const std::string&, ControlAnswer answer) {
           answer.stream();
           kept.put(answer);
         }}};
  }

  void advance(Duration by) {
    clock.advance(by);
    server.wake();
  }

  /// Returns once the server has looked at all that was done to its connections before. (The first answer
  /// may come of a look that had begun before.)
  void settle() {
    RawClient client{path()};
    for (int i = 0; i < 2; ++i) CHECK(contains(client.ask(R"({"command":"echo"})"), "ok"));
  }

  ScratchFolder folder;
  HandClock clock;
  Slot<ControlAnswer> kept;
  ControlServer server;
};

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

std::string refusal(const std::string& path) {
  const HandClock clock;
  return error_of([&] { const ControlServer server{path, {}, clock}; }, ErrorCode::bad_input);
}

/// What a bind() leaves behind whose process was killed.
void leave_stale_socket(const std::string& path) {
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  REQUIRE(::listen(socket, 1) == 0);
  ::close(socket);
}

}  // namespace

TEST_CASE("ControlServer: a request is answered, and the next one on the same connection") {
  Node node;
  RawClient client{node.path()};
  CHECK(client.ask(R"({"command":"echo","x":1})") == R"({"ok":{"command":"echo","x":1}})");
  CHECK(client.ask("{\"command\":\"echo\"}\r") == R"({"ok":{"command":"echo"} })");
  REQUIRE(client.send("{\"command\":\"echo\"}\n{\"command\":\"drop\"}\n{\"command\":\"echo\"}\n"));
  CHECK(client.line() == R"({"ok":{"command":"echo"}})");
  CHECK(client.line() == R"({"error":"the node dropped the request"})");
  CHECK(client.line() == R"({"ok":{"command":"echo"}})");
}

TEST_CASE("ControlServer: a client that ends its input is still answered") {
  Node node;
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

TEST_CASE("ControlServer: folder and socket are its user's only, and gone at the end") {
  const ScratchFolder folder;
  const std::string path = folder.path + "/troupe/node.sock";
  const HandClock clock;
  {
    const mode_t before = ::umask(0);
    const ControlServer server{path, {}, clock};
    CHECK(mode_of(folder.path + "/troupe") == 0700);
    CHECK(mode_of(path) == 0600);
    CHECK(mode_of(path + ".lock") == 0600);
    ::umask(before);
  }
  CHECK(std::filesystem::is_empty(folder.path + "/troupe"));
}

TEST_CASE("ControlServer: a folder that others may write to, or that is none, is refused") {
  const ScratchFolder folder;
  const std::string inner = folder.path + "/troupe", path = inner + "/node.sock";
  REQUIRE(::mkdir(inner.c_str(), 0700) == 0);
  for (const mode_t mode : {0720, 0702, 0777}) {
    REQUIRE(::chmod(inner.c_str(), mode) == 0);
    CHECK(contains(refusal(path), inner + ": expected it to be writable by its user only"));
  }
  REQUIRE(::chmod(inner.c_str(), 0755) == 0);
  {
    const HandClock clock;
    const ControlServer server{path, {}, clock};
  }
  const std::string link = folder.path + "/link";
  std::filesystem::create_symlink(inner, link);
  CHECK(contains(refusal(link + "/node.sock"), "expected a folder"));
  CHECK(contains(refusal(folder.path + "/no/such/node.sock"), folder.path + "/no/such"));
  CHECK(std::filesystem::is_empty(inner));
}

TEST_CASE("ControlServer: another user's folder is refused") {
  if (::geteuid() != 0) return skip("only root can give a folder away");
  const ScratchFolder folder;
  const std::string inner = folder.path + "/troupe";
  REQUIRE(::mkdir(inner.c_str(), 0700) == 0);
  REQUIRE(::chown(inner.c_str(), 65534, 65534) == 0);
  CHECK(contains(refusal(inner + "/node.sock"), "expected it to belong to user 0, got 65534"));
  CHECK(std::filesystem::is_empty(inner));
}

TEST_CASE("ControlServer: another user who gets at the socket is refused") {
  if (::geteuid() != 0) return skip("only root can become another user");
  Node node;
  REQUIRE(::chmod(node.folder.path.c_str(), 0755) == 0);
  REQUIRE(::chmod((node.folder.path + "/a").c_str(), 0755) == 0);
  REQUIRE(::chmod(node.path().c_str(), 0666) == 0);
  std::optional<std::string> answer;
  bool closed = false;
  std::thread other{[&] {
    // The system call, unlike the library's function, changes this thread only.
    if (::syscall(SYS_setresuid, 65534, 65534, 65534) != 0) return;
    RawClient client{node.path()};
    answer = client.line();
    closed = !client.line();
  }};
  other.join();
  CHECK(answer == R"({"error":"permission denied: the node belongs to another user"})");
  CHECK(closed);
}

TEST_CASE("ControlServer: a path in use is refused, also within one process") {
  Node node;
  CHECK(refusal(node.path()) == "control socket " + node.path() + " is in use by a running node");
  // Even where somebody has tidied up the folder.
  std::filesystem::remove(node.path());
  CHECK(contains(refusal(node.path()), "is in use by a running node"));
}

TEST_CASE("ControlServer: a running node whose lock file was removed keeps its path") {
  Node node;
  std::filesystem::remove(node.path() + ".lock");
  CHECK(contains(refusal(node.path()), "is in use by a running node"));
  node.settle();
  CHECK(!std::filesystem::exists(node.path() + ".lock"));
}

TEST_CASE("ControlServer: a socket that a killed node left is replaced, another file is not") {
  const ScratchFolder folder;
  const std::string path = folder.path + "/node.sock";
  const HandClock clock;
  leave_stale_socket(path);
  std::filesystem::permissions(path, std::filesystem::perms::all);
  ::close(::open((path + ".lock").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  {
    const ControlServer server{path, {}, clock};
    CHECK(mode_of(path) == 0600);
    CHECK(RawClient{path}.connect_error() == 0);
  }
  CHECK(std::filesystem::is_empty(folder.path));
  ::close(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  CHECK(contains(refusal(path), path + ": expected nothing or a socket there"));
  CHECK(std::filesystem::is_regular_file(path));
  CHECK(!std::filesystem::exists(path + ".lock"));
}

TEST_CASE("ControlServer: of nodes that start at once on one path, one at a time has it") {
  const ScratchFolder folder;
  const std::string path = folder.path + "/node.sock";
  const HandClock clock;
  std::atomic<int> holders = 0, most = 0, held = 0;
  std::atomic<bool> bad = false;
  std::deque<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) try {
          const ControlServer server{path, {}, clock};
          const int now = ++holders;
          if (now > most) most = now;
          ++held;
          if (RawClient{path}.connect_error() != 0) bad = true;
          --holders;
        } catch (const Error& error) {
          if (!contains(error.what(), "is in use by a running node")) bad = true;
        }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(most == 1);
  CHECK(held > 0);
  CHECK(!bad);
  CHECK(std::filesystem::is_empty(folder.path));
}

TEST_CASE("ControlServer: two servers in one process do not meet") {
  Node a, b;
  RawClient to_a{a.path()}, to_b{b.path()};
  REQUIRE(to_a.send("{\"command\":\"keep\"}\n"));
  REQUIRE(to_b.send("{\"command\":\"keep\"}\n"));
  a.kept.take().ok("\"a\"");
  b.kept.take().ok("\"b\"");
  CHECK(to_a.line() == R"({"ok":"a"})");
  CHECK(to_b.line() == R"({"ok":"b"})");
}

TEST_CASE("ControlServer: what is no request gets one line that says so, and the next one counts") {
  Node node;
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
  Node node;
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
  Node node{limits};
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
  Node node;
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
  Node node;
  RawClient client{node.path()};
  for (int i = 0; i < 5; ++i) {
    CHECK(contains(client.ask(R"({"command":"echo"})"), "ok"));
    node.settle();
    node.advance(std::chrono::seconds{29});
  }
}

TEST_CASE("ControlServer: a request has a deadline, and what comes later does not count") {
  Node node;
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
  Node node;
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
  Node node;
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
  Node node;
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
  Node node{limits};
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
  Node node{limits};
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
  Node node;
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
  Node node;
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
  auto node = std::make_unique<Node>();
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
