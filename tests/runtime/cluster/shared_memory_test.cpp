#include "runtime/cluster/shared_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <limits>
#include <utility>

#include "runtime/base/error.hpp"
#include "tests/support/doctest_std.hpp"
#include "tests/support/error_code.hpp"

using namespace troupe;
using namespace troupe::runtime;
using troupe::test::code_of;

namespace {

FileDescriptor copy_of(const SharedMemory& memory) {
  FileDescriptor copy{::fcntl(memory.descriptor(), F_DUPFD_CLOEXEC, 0)};
  REQUIRE(copy);
  return copy;
}

}  // namespace

TEST_CASE("SharedMemory: it is zero, aligned, and of a size that cannot change") {
  SharedMemory memory = SharedMemory::create("/train/slots-1", 100);
  CHECK(memory.name() == "/train/slots-1");
  CHECK(memory.size_bytes() == 100);
  CHECK(reinterpret_cast<std::uintptr_t>(memory.bytes().data()) % 64 == 0);
  CHECK(std::all_of(memory.bytes().begin(), memory.bytes().end(),
                    [](std::byte b) { return b == std::byte{0}; }));
  CHECK(::ftruncate(memory.descriptor(), 50) != 0);
  CHECK(::ftruncate(memory.descriptor(), 200) != 0);
  CHECK((::fcntl(memory.descriptor(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("SharedMemory: all its mappings show the same bytes, read-only ones cannot be written") {
  SharedMemory memory = SharedMemory::create("m", 64);
  SharedMemory second =
      SharedMemory::map(copy_of(memory), "m", 64, SharedMemory::Access::read_write);
  SharedMemory reader =
      SharedMemory::map(copy_of(memory), "m", 64, SharedMemory::Access::read_only);
  memory.writable_bytes()[63] = std::byte{1};
  CHECK(second.bytes()[63] == std::byte{1});
  second.writable_bytes()[0] = std::byte{2};
  CHECK(memory.bytes()[0] == std::byte{2});
  CHECK(reader.bytes()[0] == std::byte{2});
  CHECK(code_of([&] { reader.writable_bytes(); }) == ErrorCode::bug);
}

TEST_CASE("SharedMemory: it stays where it is when its owner moves, and outlives its creator") {
  SharedMemory memory = SharedMemory::create("m", 64);
  SharedMemory other = SharedMemory::map(copy_of(memory), "m", 64, SharedMemory::Access::read_only);
  memory.writable_bytes()[5] = std::byte{7};
  const std::byte* const place = memory.bytes().data();
  SharedMemory moved{std::move(memory)};
  CHECK(moved.bytes().data() == place);
  moved = SharedMemory::create("n", 8);
  CHECK(moved.name() == "n");
  CHECK(other.bytes()[5] == std::byte{7});
}

TEST_CASE("SharedMemory: bad names and sizes are refused") {
  for (const std::string name : {"", "a b", "a:b", "a,b", "\xc3\xa4"}) {
    CHECK(code_of([&] { SharedMemory::create(name, 8); }) == ErrorCode::bad_input);
  }
  CHECK(code_of([] { SharedMemory::create(std::string(101, 'a'), 8); }) == ErrorCode::bad_input);
  CHECK(code_of([] { SharedMemory::create("m", 0); }) == ErrorCode::bad_input);
  for (const int bits : {48, 62, 63}) {
    CHECK(code_of([&] { SharedMemory::create("m", std::uint64_t{1} << bits); }) ==
          ErrorCode::exhausted);
  }
  CHECK(code_of([] { SharedMemory::create("m", std::numeric_limits<std::uint64_t>::max()); }) ==
        ErrorCode::exhausted);
}

TEST_CASE("SharedMemory: only sealed memory of the size that was said is mapped") {
  const auto map = [](FileDescriptor descriptor, std::uint64_t size_bytes) {
    return code_of([&] {
      SharedMemory::map(std::move(descriptor), "m", size_bytes, SharedMemory::Access::read_only);
    });
  };
  const SharedMemory memory = SharedMemory::create("m", 64);
  CHECK(map(copy_of(memory), 63) == ErrorCode::bad_input);
  CHECK(map(copy_of(memory), 65) == ErrorCode::bad_input);
  CHECK(map(copy_of(memory), 0) == ErrorCode::bad_input);
  CHECK(map(FileDescriptor{}, 64) == ErrorCode::bad_input);
  CHECK(map(FileDescriptor{::open("/dev/null", O_RDWR | O_CLOEXEC)}, 64) == ErrorCode::bad_input);
  FileDescriptor unsealed{::memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  REQUIRE(::ftruncate(unsealed.get(), 64) == 0);
  CHECK(map(std::move(unsealed), 64) == ErrorCode::bad_input);
}
