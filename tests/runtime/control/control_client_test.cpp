#include "runtime/control/control_client.hpp"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <thread>
#include <vector>

#include "runtime/control/control_server.hpp"
#include "tests/runtime/control/fixture.hpp"
#include "tests/support/skip.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::test;

namespace {

struct Node {
  explicit Node(const std::string& path, ControlLimits limits = {})
      : server{
            path,
            {{"echo", [](const std::string& request, ControlAnswer answer) { answer.ok(request); }},
             {"fail", [](const std::string&, ControlAnswer answer) { answer.error("two\nlines"); }},
             {"keep",
              [this](const std::string&, const ControlAnswer& answer) { kept.put(answer); }},
             {"count",
              [](const std::string&, ControlAnswer answer) {
                for (int i = 0; i < 3; ++i) answer.line(std::to_string(i));
                answer.end();
              }}},
            clock,
            limits} {}
  VirtualClock clock;
  Slot<ControlAnswer> kept;
  ControlServer server;
};

/// A node that says what it likes: one connection.
class RawNode {
 public:
  RawNode(const std::string& path, std::string says) {
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    REQUIRE(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(::listen(listener_, 1) == 0);
    thread_ = std::thread{[this, says = std::move(says)] {
      const int client = ::accept(listener_, nullptr, nullptr);
      for (std::size_t sent = 0; sent < says.size();) {
        const auto n = ::send(client, says.data() + sent, says.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += static_cast<std::size_t>(n);
      }
      ::close(client);
    }};
  }
  ~RawNode() {
    thread_.join();
    ::close(listener_);
  }
  RawNode(const RawNode&) = delete;
  RawNode& operator=(const RawNode&) = delete;

 private:
  int listener_;
  std::thread thread_;
};

constexpr std::string_view echo = R"({"command":"echo"})";

}  // namespace

TEST_CASE("ControlClient: a request returns the value of its answer") {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a.sock";
  const Node node{path};
  ControlClient client{path, long_time};
  CHECK(client.request(echo, long_time) == R"({"command":"echo"})");
  CHECK(client.request("{\n\"command\":\n\"echo\"}", long_time) == R"({"command":"echo"})");
  const std::string text =
      error_of([&] { client.request(R"({"command":"fail"})", long_time); }, ErrorCode::bad_input);
  CHECK(text == "two\\nlines");
  CHECK(client.request(echo, long_time) == R"({"command":"echo"})");
}

TEST_CASE("ControlClient: a stream is passed on line by line, for as long as it is wanted") {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a.sock";
  const Node node{path};
  ControlClient client{path, long_time};
  std::vector<std::string> lines;
  const auto all = [&](std::string_view line) {
    lines.emplace_back(line);
    return true;
  };
  client.stream(R"({"command":"count"})", long_time, all);
  CHECK(lines == std::vector<std::string>{"0", "1", "2"});
  client.stream(echo, long_time, all);
  CHECK(lines.back() == echo);
  int seen = 0;
  client.stream(R"({"command":"count"})", long_time, [&](std::string_view) { return ++seen < 2; });
  CHECK(seen == 2);
  error_of([&] { client.request(echo, long_time); }, ErrorCode::bug);
  ControlClient other{path, long_time};
  error_of([&] { other.request(R"({"command":"count"})", long_time); }, ErrorCode::corrupted);
}

TEST_CASE("ControlClient: where no such node runs, those that do are named") {
  const TemporaryFolder folder;
  const auto connect = [&](const std::string& name) {
    return error_of(
        [&] {
          ControlClient{folder.path() + "/" + name + ".sock", long_time};
        },
        ErrorCode::disconnected);
  };
  CHECK(connect("train") == "no node named \"train\" is running; none is");
  const Node b{folder.path() + "/b.sock"}, a{folder.path() + "/a.sock"};
  CHECK(connect("train") == "no node named \"train\" is running; running: a, b");
}

TEST_CASE("ControlClient: another user's node is not talked to") {
  if (::geteuid() != 0) return skip("only root can become another user");
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a.sock";
  const Node node{path};
  std::string closed_folder, open_to_all;
  std::thread other{[&] {
    const auto connect = [&] {
      return error_of([&] { ControlClient{path, long_time}; }, ErrorCode::bad_input);
    };
    if (::syscall(SYS_setresuid, -1, 65534, -1) != 0) return;
    closed_folder = connect();
    if (::syscall(SYS_setresuid, -1, 0, -1) != 0) return;
    ::chmod(folder.path().c_str(), 0755);
    ::chmod(path.c_str(), 0666);
    if (::syscall(SYS_setresuid, -1, 65534, -1) != 0) return;
    open_to_all = connect();
  }};
  other.join();
  CHECK(contains(closed_folder, path + ": permission denied"));
  CHECK(contains(open_to_all, path + ": permission denied"));
}

TEST_CASE("ControlClient: an answer that does not come in time is an error") {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a.sock";
  Node node{path};
  ControlClient client{path, long_time};
  const std::string text =
      error_of([&] { client.request(R"({"command":"keep"})", std::chrono::milliseconds{1}); },
               ErrorCode::exhausted);
  CHECK(contains(text, path + ": timed out"));
  node.kept.take();
}

TEST_CASE("ControlClient: a node that ends, refuses or babbles is one line") {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a.sock";
  const auto talk = [&](const std::string& says, ErrorCode code) {
    const RawNode node{path, says};
    ControlClient client{path, long_time};
    const std::string text = error_of([&] { client.request(echo, long_time); }, code);
    ::unlink(path.c_str());
    return text;
  };
  CHECK(contains(talk("", ErrorCode::disconnected), path + ": the node closed the connection"));
  CHECK(contains(talk("{\"ok\":", ErrorCode::disconnected), "closed the connection"));
  CHECK(talk("{\"error\":\"too many\"}\n", ErrorCode::bad_input) == "too many");
  CHECK(contains(talk("hello\n", ErrorCode::corrupted), "got 5 bytes of something else"));
  CHECK(contains(talk("{\"ok\":1,\"end\":true}\n", ErrorCode::corrupted), "something else"));
  CHECK(contains(talk(std::string(17U << 20, 'x'), ErrorCode::exhausted), "got more"));
}

TEST_CASE("ControlClient: what a full node says before it closes is heard") {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a.sock";
  ControlLimits limits;
  limits.connections = 1;
  const Node node{path, limits};
  ControlClient first{path, long_time};
  first.request(echo, long_time);
  ControlClient second{path, long_time};
  CHECK(contains(error_of([&] { second.request(echo, long_time); }, ErrorCode::bad_input),
                 "the node has 1 control connections"));
}
