#include "runtime/telemetry/log_ring.hpp"

using namespace troupe::runtime;

namespace {

LogRecord record(std::string message) {
  LogRecord result;
  result.message = std::move(message);
  return result;
}

}  // namespace

TEST_CASE("LogRing: records are read on from where the last reading ended") {
  LogRing ring{10, 1 << 20};
  CHECK(ring.since(0, 5).records.empty());
  for (int i = 0; i < 5; ++i) ring.add(record(std::to_string(i)));
  const LogTail first = ring.since(0, 3);
  REQUIRE(first.records.size() == 3);
  CHECK(first.records[2].message == "2");
  CHECK(first.records[2].sequence == 2);
  CHECK(first.next == 3);
  const LogTail second = ring.since(first.next, 100);
  REQUIRE(second.records.size() == 2);
  CHECK(second.records[0].message == "3");
  CHECK(second.next == 5);
  CHECK(second.overwritten == 0);
  CHECK(ring.since(5, 100).records.empty());
  CHECK(ring.since(5, 100).next == 5);
}

TEST_CASE("LogRing: a reader from past the end goes on at the end") {
  LogRing ring{10, 1 << 20};
  ring.add(record("a"));
  CHECK(ring.since(99, 10).records.empty());
  CHECK(ring.since(99, 10).next == 1);
}

TEST_CASE("LogRing: the oldest are overwritten, and a reader is told how many it missed") {
  LogRing ring{3, 1 << 20};
  for (int i = 0; i < 8; ++i) ring.add(record(std::to_string(i)));
  const LogTail tail = ring.since(1, 100);
  REQUIRE(tail.records.size() == 3);
  CHECK(tail.records[0].message == "5");
  CHECK(tail.overwritten == 4);
  CHECK(tail.next == 8);
}

TEST_CASE("LogRing: bytes are bounded as well as records") {
  LogRing ring{1000, 10'000};
  for (int i = 0; i < 100; ++i) {
    ring.add(record(std::string(1000, 'x')));
    CHECK(ring.size_bytes() <= 10'000);
  }
  CHECK(ring.since(0, 1000).records.size() >= 5);
  ring.add(record(std::string(20'000, 'x')));  // has no room at all
  const LogTail tail = ring.since(100, 10);
  CHECK(tail.records.empty());
  CHECK(tail.overwritten == 1);
  CHECK(tail.next == 101);
  ring.add(record("small"));
  CHECK(ring.since(101, 10).records.size() == 1);
}
