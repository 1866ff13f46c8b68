#include "runtime/base/file_descriptor.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "tests/support/doctest_std.hpp"

using troupe::FileDescriptor;

namespace {

int opened() {
  const int value = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  REQUIRE(value >= 0);
  return value;
}

bool is_open(int value) {
  return ::fcntl(value, F_GETFD) >= 0;
}

}  // namespace

TEST_CASE("FileDescriptor: it is closed with its owner, wherever it was moved to") {
  const int first = opened(), second = opened();
  {
    FileDescriptor a{first};
    FileDescriptor b{std::move(a)};
    CHECK_FALSE(a);
    CHECK(b.get() == first);
    b = FileDescriptor{second};
    CHECK_FALSE(is_open(first));
    CHECK(is_open(second));
  }
  CHECK_FALSE(is_open(second));
}

TEST_CASE("FileDescriptor: what is released stays open") {
  FileDescriptor owner{opened()};
  const int value = owner.release();
  CHECK_FALSE(owner);
  CHECK(is_open(value));
  ::close(value);
}
