#include "runtime/control/control_path.hpp"

#include <sys/stat.h>

#include "runtime/control/control_server.hpp"
#include "tests/runtime/control/fixture.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::test;

namespace {

EnvironmentLookup with_runtime_folder(std::optional<std::string> value) {
  return
      [value](const std::string& name) { return name == "XDG_RUNTIME_DIR" ? value : std::nullopt; };
}

}  // namespace

TEST_CASE("control_path: it is in the user's runtime folder, else in one of the user's in /tmp") {
  const std::string fallback = "/tmp/troupe-" + std::to_string(::geteuid()) + "/n-1.a_B.sock";
  CHECK(control_path("n", with_runtime_folder("/run/user/7")) == "/run/user/7/troupe/n.sock");
  CHECK(control_path("n-1.a_B", with_runtime_folder(std::nullopt)) == fallback);
  CHECK(control_path("n-1.a_B", with_runtime_folder("")) == fallback);
  CHECK(control_path("n-1.a_B", with_runtime_folder("run")) == fallback);
}

TEST_CASE("control_path: a name that is no plain file name is refused") {
  for (const std::string name : {"", ".", "..", ".a", "a/b", "a b", "a\n", "\xff"})
    CHECK(contains(
        error_of([&] { control_path(name, with_runtime_folder("/run")); }, ErrorCode::bad_input),
        "node name: expected letters"));
}

TEST_CASE("control_path: one byte too many is refused, naming the limit") {
  const std::string folder = "/" + std::string(80, 'd');
  const std::size_t rest = 107 - (folder + "/troupe/.sock").size();
  CHECK(control_path(std::string(rest, 'n'), with_runtime_folder(folder)).size() == 107);
  const std::string text =
      error_of([&] { control_path(std::string(rest + 1, 'n'), with_runtime_folder(folder)); },
               ErrorCode::bad_input);
  CHECK(contains(text, "expected a path of 1 to 107 bytes, got 108"));
}

TEST_CASE("running_nodes: it names those that answer, sorted, and nothing else") {
  const TemporaryFolder folder;
  const VirtualClock clock;
  CHECK(running_nodes(folder.path() + "/none").empty());
  const ControlServer b{folder.path() + "/b.1.sock", {}, clock};
  const ControlServer a{folder.path() + "/a.sock", {}, clock};
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un stale{};
  stale.sun_family = AF_UNIX;
  const std::string path = folder.path() + "/stale.sock";
  std::memcpy(stale.sun_path, path.data(), path.size());
  REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&stale), sizeof(stale)) == 0);
  ::close(socket);
  std::filesystem::create_directory(folder.path() + "/folder.sock");
  CHECK(running_nodes(folder.path()) == std::vector<std::string>{"a", "b.1"});
}
