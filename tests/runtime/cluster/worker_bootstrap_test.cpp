#include "runtime/cluster/worker_bootstrap.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "runtime/base/error.hpp"
#include "tests/support/doctest_std.hpp"

using namespace troupe;
using namespace troupe::runtime;

namespace {

/// Descriptor 3 is no socket meanwhile, whatever this program has inherited.
class NoSocketAt3 {
 public:
  NoSocketAt3() : saved_{::fcntl(3, F_DUPFD_CLOEXEC, 4)} {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const FileDescriptor out{::fcntl(ends[0], F_DUPFD_CLOEXEC, 4)};
    ::close(ends[0]);
    ::close(ends[1]);
    REQUIRE(::dup2(out.get(), 3) == 3);
  }
  ~NoSocketAt3() {
    if (saved_) {
      ::dup2(saved_.get(), 3);
    } else {
      ::close(3);
    }
  }
  NoSocketAt3(const NoSocketAt3&) = delete;
  NoSocketAt3& operator=(const NoSocketAt3&) = delete;

 private:
  FileDescriptor saved_;
};

std::optional<WorkerStart> found(std::vector<const char*> arguments) {
  const int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  return find_worker_start(count, arguments.data());
}

std::string refusal(const char* argument) {
  try {
    found({"program", argument});
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::bad_input);
    return error.what();
  }
  return "none";
}

std::shared_ptr<const SharedMemory> memory(const std::string& name) {
  return std::make_shared<const SharedMemory>(SharedMemory::create(name, 8));
}

}  // namespace

TEST_CASE("find_worker_start: a process that has other arguments is no worker") {
  CHECK_FALSE(found({}));
  CHECK_FALSE(found({"program"}));
  CHECK_FALSE(found({"program", "run", "--troupe-worker"}));
  CHECK_FALSE(found({"program", "--troupe-workers=4"}));
  CHECK_FALSE(found({"program", ""}));
}

TEST_CASE("find_worker_start: what was typed by hand is refused in one line that says why") {
  const NoSocketAt3 no_socket;
  const std::string intended =
      "--troupe-worker: is for processes that the runtime starts, not for a command line: ";
  CHECK(refusal("--troupe-worker") == intended + "descriptor 3 is not its socket");
  CHECK(refusal("--troupe-worker=m:8:rw") == intended + "descriptor 3 is not its socket");
  CHECK(refusal("--troupe-worker=m:8:rw,m:8:ro") == intended + "'m' is there twice");
  for (const std::string entry : {"m", "m:8", "m:8:", "m:8:rx", ":8:rw", "m::rw", "m:-8:rw",
                                  "m:8x:rw", "m:8:rw:", ",", "m:99999999999999999999999:rw"}) {
    CAPTURE(entry);
    CHECK(refusal(("--troupe-worker=" + entry).c_str())
              .starts_with(intended + "expected NAME:BYTES"));
  }
  std::string many = "--troupe-worker=";
  for (int i = 0; i < 65; ++i) many += 'm' + std::to_string(i) + ":8:rw,";
  CHECK(refusal(many.c_str()) == intended + "expected at most 64 memories");
}

TEST_CASE("worker_argument: it names each memory, with its size and how it is mapped") {
  CHECK(worker_argument({}) == "--troupe-worker");
  CHECK(worker_argument({{memory("a")}, {memory("b"), SharedMemory::Access::read_only}}) ==
        "--troupe-worker=a:8:rw,b:8:ro");
}

TEST_CASE("worker_argument: missing memories, equal names and too many are refused") {
  CHECK_THROWS_AS(worker_argument({{nullptr}}), Error);
  CHECK_THROWS_AS(worker_argument({{memory("a")}, {memory("a")}}), Error);
  std::vector<InheritedMemory> many;
  for (int i = 0; i < 65; ++i) many.push_back({memory("m" + std::to_string(i))});
  CHECK_THROWS_AS(worker_argument(many), Error);
}
