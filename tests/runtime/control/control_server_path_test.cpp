// Who gets a path, and who may use it.
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

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

std::string refusal(const std::string& path) {
  const VirtualClock clock;
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

TEST_CASE("ControlServer: folder and socket are its user's only, and gone at the end") {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/troupe/node.sock";
  const VirtualClock clock;
  {
    const mode_t before = ::umask(0);
    const ControlServer server{path, {}, clock};
    CHECK(mode_of(folder.path() + "/troupe") == 0700);
    CHECK(mode_of(path) == 0600);
    CHECK(mode_of(path + ".lock") == 0600);
    ::umask(before);
  }
  CHECK(std::filesystem::is_empty(folder.path() + "/troupe"));
}

TEST_CASE("ControlServer: a folder that others may write to, or that is none, is refused") {
  const TemporaryFolder folder;
  const std::string inner = folder.path() + "/troupe", path = inner + "/node.sock";
  REQUIRE(::mkdir(inner.c_str(), 0700) == 0);
  for (const mode_t mode : {0720, 0702, 0777}) {
    REQUIRE(::chmod(inner.c_str(), mode) == 0);
    CHECK(contains(refusal(path), inner + ": expected it to be writable by its user only"));
  }
  REQUIRE(::chmod(inner.c_str(), 0755) == 0);
  {
    const VirtualClock clock;
    const ControlServer server{path, {}, clock};
  }
  const std::string link = folder.path() + "/link";
  std::filesystem::create_symlink(inner, link);
  CHECK(contains(refusal(link + "/node.sock"), "expected a folder"));
  CHECK(contains(refusal(folder.path() + "/no/such/node.sock"), folder.path() + "/no/such"));
  CHECK(std::filesystem::is_empty(inner));
}

TEST_CASE("ControlServer: another user's folder is refused") {
  if (::geteuid() != 0) return skip("only root can give a folder away");
  const TemporaryFolder folder;
  const std::string inner = folder.path() + "/troupe";
  REQUIRE(::mkdir(inner.c_str(), 0700) == 0);
  REQUIRE(::chown(inner.c_str(), 65534, 65534) == 0);
  CHECK(contains(refusal(inner + "/node.sock"), "expected it to belong to user 0, got 65534"));
  CHECK(std::filesystem::is_empty(inner));
}

TEST_CASE("ControlServer: another user who gets at the socket is refused") {
  if (::geteuid() != 0) return skip("only root can become another user");
  ControlledNode node;
  REQUIRE(::chmod(node.folder.path().c_str(), 0755) == 0);
  REQUIRE(::chmod((node.folder.path() + "/a").c_str(), 0755) == 0);
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
  ControlledNode node;
  CHECK(refusal(node.path()) == "control socket " + node.path() + " is in use by a running node");
  // Even where somebody has tidied up the folder.
  std::filesystem::remove(node.path());
  CHECK(contains(refusal(node.path()), "is in use by a running node"));
}

TEST_CASE("ControlServer: a running node whose lock file was removed keeps its path") {
  ControlledNode node;
  std::filesystem::remove(node.path() + ".lock");
  CHECK(contains(refusal(node.path()), "is in use by a running node"));
  node.settle();
  CHECK(!std::filesystem::exists(node.path() + ".lock"));
}

TEST_CASE("ControlServer: a socket that a killed node left is replaced, another file is not") {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/node.sock";
  const VirtualClock clock;
  leave_stale_socket(path);
  std::filesystem::permissions(path, std::filesystem::perms::all);
  ::close(::open((path + ".lock").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  {
    const ControlServer server{path, {}, clock};
    CHECK(mode_of(path) == 0600);
    CHECK(RawClient{path}.connect_error() == 0);
  }
  CHECK(std::filesystem::is_empty(folder.path()));
  ::close(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  CHECK(contains(refusal(path), path + ": expected nothing or a socket there"));
  CHECK(std::filesystem::is_regular_file(path));
  CHECK(!std::filesystem::exists(path + ".lock"));
}

TEST_CASE("ControlServer: of nodes that start at once on one path, one at a time has it") {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/node.sock";
  const VirtualClock clock;
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
  CHECK(std::filesystem::is_empty(folder.path()));
}
