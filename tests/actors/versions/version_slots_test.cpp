#include "actors/versions/version_slots.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "runtime/base/aligned_block.hpp"
#include "runtime/base/error.hpp"
#include "tests/support/error_code.hpp"

using namespace troupe;
using namespace troupe::actors;
using troupe::test::code_of;

namespace {

constexpr std::size_t slot_bytes = 4096;
constexpr std::uint32_t shards = 3;

/// Memory that a forked process shares.
class Memory {
 public:
  Memory()
      : size_{VersionSlots::size_bytes(slot_bytes, shards)},
        at_{::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)} {}
  ~Memory() { ::munmap(at_, size_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  std::span<std::byte> bytes() const { return {static_cast<std::byte*>(at_), size_}; }

 private:
  std::size_t size_;
  void* at_;
};

void fill(std::span<std::byte> state, std::uint64_t version) {
  for (std::size_t i = 0; i + 8 <= state.size(); i += 8) std::memcpy(state.data() + i, &version, 8);
}
bool filled(std::span<const std::byte> state, std::uint64_t version) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i + 8 <= state.size(); i += 8) {
    std::memcpy(&word, state.data() + i, 8);
    if (word != version) return false;
  }
  return true;
}
bool put(VersionSlots slots, std::uint64_t version, bool pinned = false) {
  auto writing = slots.begin_write();
  if (!writing) return false;
  fill(writing->state(), version);
  return slots.commit(*std::move(writing), version, pinned);
}

}  // namespace

TEST_CASE("SLOT-1: a version is there when it was committed, and the newest counts") {
  const Memory memory;
  VersionSlots slots = VersionSlots::make(memory.bytes(), 7, slot_bytes, shards);
  CHECK_FALSE(VersionSlots::find(memory.bytes(), 8));
  REQUIRE(VersionSlots::find(memory.bytes(), 7));
  CHECK_FALSE(slots.newest());
  CHECK_FALSE(slots.hold_newest());
  {
    const auto given_up = slots.begin_write();
    CHECK(slots.being_written_by(::getpid()));
    CHECK_FALSE(slots.being_written_by(::getpid() + 1));
  }
  CHECK_FALSE(slots.being_written_by(::getpid()));
  CHECK_FALSE(slots.newest());
  CHECK(put(slots, 0));
  CHECK(put(slots, 1));
  CHECK(slots.newest() == 1);
  CHECK(filled(slots.hold(0)->state(), 0));
  CHECK(filled(slots.hold_newest()->state(), 1));
  CHECK_FALSE(slots.hold(2));
  slots = VersionSlots::make(memory.bytes(), 9, slot_bytes, shards);
  CHECK_FALSE(slots.newest());
  CHECK_FALSE(VersionSlots::find(memory.bytes(), 7));
}

TEST_CASE("SLOT-2: what is held, pinned or newest is never written to") {
  const Memory memory;
  const VersionSlots start = VersionSlots::make(memory.bytes(), 7, slot_bytes, shards);
  VersionSlots slots = start;
  CHECK(put(slots, 0, true));
  CHECK(put(slots, 1));
  auto held = slots.hold(1);
  REQUIRE(held);
  for (std::uint64_t version = 2; version < 100; ++version) CHECK(put(slots, version));
  CHECK(filled(held->state(), 1));
  CHECK(slots.pinned(0));
  CHECK(filled(slots.hold(0)->state(), 0));
  held.reset();
  slots.unpin(0);
  for (std::uint64_t version = 100; version < 200; ++version) CHECK(put(slots, version));
  CHECK_FALSE(slots.hold(1));
  CHECK_FALSE(slots.hold(0));

  for (std::uint64_t version = 200; version < 200 + VersionSlots::slots - 1; ++version)
    CHECK(put(slots, version, true));
  CHECK(put(slots, 300, true));
  CHECK_FALSE(slots.begin_write());
  slots.unpin(205);
  CHECK(put(slots, 301));
}

TEST_CASE(
    "SLOT-3: what a process that ended was writing to is used again, a thread's of this process is "
    "not") {
  const Memory memory;
  VersionSlots slots = VersionSlots::make(memory.bytes(), 7, slot_bytes, shards);
  CHECK(put(slots, 0));
  const pid_t child = ::fork();
  if (child == 0) {
    for (int i = 0; i < 6; ++i) {
      auto writing = slots.begin_write();
      fill(writing->state(), 99);
      new VersionSlots::Writing{*std::move(writing)};  // never let go of
    }
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  std::vector<VersionSlots::Writing> here;
  while (auto writing = slots.begin_write()) here.push_back(*std::move(writing));
  CHECK(here.size() == VersionSlots::slots - 1);
  CHECK(slots.newest() == 0);
  here.clear();
  CHECK(put(slots, 1));
}

TEST_CASE("SLOT-3: what a process that lives is writing to is not taken from it") {
  const Memory memory;
  VersionSlots slots = VersionSlots::make(memory.bytes(), 7, slot_bytes, shards);
  CHECK(put(slots, 0));
  int ready[2], done[2];
  REQUIRE(::pipe(ready) == 0);
  REQUIRE(::pipe(done) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto writing = slots.begin_write();
    char word = 'r';
    bool committed = ::write(ready[1], &word, 1) == 1 && ::read(done[0], &word, 1) == 1;
    fill(writing->state(), 5);
    committed = committed && slots.commit(*std::move(writing), 5, false);
    ::_exit(committed ? 0 : 1);
  }
  char word = 0;
  REQUIRE(::read(ready[0], &word, 1) == 1);
  {
    std::vector<VersionSlots::Writing> here;
    while (auto writing = slots.begin_write()) here.push_back(*std::move(writing));
    CHECK(here.size() == VersionSlots::slots - 2);
  }
  REQUIRE(::write(done[1], &word, 1) == 1);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(slots.newest() == 5);
  for (const int end : {ready[0], ready[1], done[0], done[1]}) ::close(end);
}

TEST_CASE("SLOT-4: the record of a step lasts until it was collected") {
  const Memory memory;
  VersionSlots slots = VersionSlots::make(memory.bytes(), 7, slot_bytes, shards);
  CHECK(put(slots, 0));
  std::array<ShardDigest, shards> digests{}, read{};
  for (std::uint64_t step = 0; step < VersionSlots::records; ++step) {
    digests[1][0] = static_cast<std::byte>(step);
    CHECK_FALSE(slots.recorded(step, read));
    CHECK(slots.record({step, static_cast<double>(step) / 2, 10}, digests));
    CHECK_FALSE(slots.recorded(step, read));  // its version is not there yet
    CHECK(put(slots, step + 1));
  }
  CHECK_FALSE(slots.record({VersionSlots::records, 0, 0}, digests));
  const auto record = slots.recorded(3, read);
  REQUIRE(record);
  CHECK(record->loss == 1.5);
  CHECK(read[1][0] == std::byte{3});
  slots.collected(4);
  CHECK_FALSE(slots.recorded(3, read));
  CHECK(slots.record({VersionSlots::records, 0, 0}, digests));
  CHECK(slots.recorded(4, read));
}

TEST_CASE("readers never see a version that changes, whatever is written meanwhile") {
  const Memory memory;
  VersionSlots slots = VersionSlots::make(memory.bytes(), 7, slot_bytes, shards);
  CHECK(put(slots, 0));
  std::atomic<bool> stop = false;
  std::atomic<int> torn = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const auto held = slots.hold_newest();
        if (held && !filled(held->state(), held->version())) ++torn;
      }
    });
  }
  for (std::uint64_t version = 1; version < 20'000; ++version) REQUIRE(put(slots, version));
  stop = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(torn == 0);
}

TEST_CASE("memory that is too small is refused") {
  const Memory memory;
  CHECK(code_of([&] { VersionSlots::make(memory.bytes(), 1, 1 << 20, shards); }) ==
        ErrorCode::exhausted);
  CHECK(code_of([&] { VersionSlots::make(memory.bytes(), 1, slot_bytes, 0); }) ==
        ErrorCode::bad_input);
}
