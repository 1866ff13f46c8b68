#include "actors/report/ledger.hpp"

#include <cmath>

#include "tests/actors/report/crash_appended.hpp"
#include "tests/support/error_code.hpp"
#include "tests/support/file_double.hpp"

using namespace troupe;
using namespace troupe::actors;
using troupe::test::code_of;
using troupe::test::FileDouble;
using troupe::test::PowerCut;

namespace {
const std::string path = "/ledger";
constexpr std::uint64_t header_bytes = 88;
constexpr std::uint64_t entry_bytes = 8 + 2 * 16 + 8 + 16;

LedgerHeader header_of_two() {
  LedgerHeader header{2, 128, 60000, 7, {}};
  header.data_fingerprint[0] = std::byte{0xab};
  return header;
}

std::array<ShardDigest, 2> digests_of(std::uint64_t step) {
  std::array<ShardDigest, 2> digests{};
  digests[0][0] = static_cast<std::byte>(step);
  digests[1][15] = static_cast<std::byte>(step + 100);
  return digests;
}

double loss_of(std::uint64_t step) {
  return 1 / static_cast<double>(step + 1);
}

void append(LedgerWriter& ledger, std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t step = from; step < to; ++step) {
    ledger.append(step, digests_of(step), loss_of(step));
  }
}

/// A ledger of `steps` entries.
FileDouble disk_with(std::uint64_t steps) {
  FileDouble disk;
  LedgerWriter ledger = LedgerWriter::create(disk, path, header_of_two());
  append(ledger, 0, steps);
  ledger.sync();
  return disk;
}

void check_entries(const LedgerReader& reader) {
  for (std::uint64_t step = 0; step < reader.steps(); ++step) {
    const LedgerEntry entry = reader.entry(step);
    CHECK(entry.step == step);
    CHECK(std::ranges::equal(entry.digests, digests_of(step)));
    CHECK(entry.loss == loss_of(step));
  }
}

/// Writes the file anew with one bit of byte `at` the other way.
void flip(FileDouble& disk, std::uint64_t at) {
  std::string bytes = test::text_of(disk, path);
  bytes.at(at) = static_cast<char>(bytes.at(at) ^ 1);
  write_atomically(disk, path, test::as_bytes(bytes));
}
}  // namespace

TEST_CASE("Ledger: what was appended is read, in order, and verifies") {
  FileDouble disk;
  LedgerWriter ledger = LedgerWriter::create(disk, path, header_of_two());
  CHECK(ledger.size_bytes() == header_bytes);
  append(ledger, 0, 5);
  ledger.end({640, 700});
  CHECK(ledger.size_bytes() == header_bytes + 6 * entry_bytes);
  CHECK(disk.size_bytes(path) == ledger.size_bytes());
  const LedgerReader reader{disk, path};
  CHECK(reader.header() == header_of_two());
  CHECK(reader.steps() == 5);
  CHECK(reader.unused() == PositionRange{640, 700});
  CHECK_FALSE(reader.fault());
  check_entries(reader);
  CHECK(code_of([&] { reader.entry(5); }) == ErrorCode::bad_input);
}

TEST_CASE("Ledger: gaps, repeats, wrong numbers of shards and entries past the end are refused") {
  FileDouble disk;
  LedgerWriter ledger = LedgerWriter::create(disk, path, header_of_two());
  append(ledger, 0, 1);
  CHECK(code_of([&] { append(ledger, 0, 1); }) == ErrorCode::bug);
  CHECK(code_of([&] { append(ledger, 2, 3); }) == ErrorCode::bug);
  CHECK(code_of([&] { ledger.append(1, std::vector{digests_of(1)[0]}, 0); }) == ErrorCode::bug);
  ledger.end({});
  CHECK(code_of([&] { append(ledger, 1, 2); }) == ErrorCode::bug);
  CHECK(code_of([&] { ledger.end({}); }) == ErrorCode::bug);
  CHECK(LedgerReader(disk, path).steps() == 1);
  CHECK(code_of([&] { LedgerWriter::create(disk, path, header_of_two()); }) ==
        ErrorCode::bad_input);
  CHECK(code_of([&] {
          LedgerWriter::create(disk, "/other", {0, 1, 1, 1, {}});
        }) == ErrorCode::bad_input);
}

TEST_CASE("Ledger: each changed bit is found, in the entry where it is (LED-2)") {
  for (std::uint64_t at = 0; at < header_bytes; ++at) {
    FileDouble disk = disk_with(1);
    flip(disk, at);
    const ErrorCode code = code_of([&] { LedgerReader(disk, path); });
    CHECK((code == ErrorCode::corrupted || (code == ErrorCode::unsupported && at >= 8 && at < 12)));
  }
  for (std::uint64_t at = header_bytes; at < header_bytes + 3 * entry_bytes; ++at) {
    FileDouble disk = disk_with(3);
    flip(disk, at);
    const LedgerReader reader{disk, path};
    const std::uint64_t bad = (at - header_bytes) / entry_bytes;
    CHECK(reader.steps() == bad);
    CHECK(reader.fault() == "entry " + std::to_string(bad) + ": its hash does not verify");
    check_entries(reader);
  }
}

TEST_CASE("Ledger: an entry taken out, or from elsewhere, breaks the chain") {
  FileDouble disk = disk_with(4);
  std::string bytes = test::text_of(disk, path);
  bytes.erase(header_bytes + entry_bytes, entry_bytes);
  write_atomically(disk, path, test::as_bytes(bytes));
  CHECK(LedgerReader(disk, path).steps() == 1);
  CHECK(LedgerReader(disk, path).fault() == "entry 1: its hash does not verify");
}

TEST_CASE("Ledger: a resume cuts to its step, and the chain goes on from there") {
  FileDouble disk = disk_with(5);
  const std::string whole = test::text_of(disk, path);
  {
    LedgerWriter ledger = LedgerWriter::open(disk, path, header_of_two(), 3);
    CHECK(ledger.steps() == 3);
    CHECK(disk.size_bytes(path) == header_bytes + 3 * entry_bytes);
    append(ledger, 3, 5);
  }
  CHECK(test::text_of(disk, path) == whole);
  {
    LedgerWriter ledger = LedgerWriter::open(disk, path, header_of_two());
    CHECK(ledger.steps() == 5);
    ledger.end({1, 2});
  }
  // The end is no step: who goes on drops it.
  CHECK(LedgerWriter::open(disk, path, header_of_two()).steps() == 5);
  CHECK(test::text_of(disk, path) == whole);
}

TEST_CASE("Ledger: machines stand between the steps that they computed, each change once") {
  const serialization::Xxh3Digest one{std::byte{1}}, two{std::byte{2}};
  FileDouble disk;
  {
    LedgerWriter ledger = LedgerWriter::create(disk, path, header_of_two());
    ledger.set_machine(one);
    append(ledger, 0, 3);
    ledger.set_machine(one);
    ledger.set_machine(two);
    append(ledger, 3, 5);
    CHECK(ledger.machines() == std::vector<LedgerMachine>{{0, one}, {3, two}});
    ledger.end({1, 2});
    CHECK(code_of([&] { ledger.set_machine(one); }) == ErrorCode::bug);
  }
  {
    const LedgerReader reader{disk, path};
    CHECK_FALSE(reader.fault());
    CHECK(reader.steps() == 5);
    CHECK(reader.unused() == PositionRange{1, 2});
    CHECK(reader.machines() == std::vector<LedgerMachine>{{0, one}, {3, two}});
    CHECK(reader.size_bytes(2) == header_bytes + 3 * entry_bytes);
    CHECK(reader.size_bytes(5) == header_bytes + 7 * entry_bytes);
    check_entries(reader);
  }
  const std::string whole = test::text_of(disk, path);
  {  // a machine that took over at the step that is gone on from stays; one behind it does not
    LedgerWriter ledger = LedgerWriter::open(disk, path, header_of_two(), 3);
    CHECK(ledger.machines().back() == LedgerMachine{3, two});
    ledger.set_machine(two);
    append(ledger, 3, 5);
    ledger.end({1, 2});
  }
  CHECK(test::text_of(disk, path) == whole);
  LedgerWriter ledger = LedgerWriter::open(disk, path, header_of_two(), 2);
  CHECK(ledger.machines() == std::vector<LedgerMachine>{{0, one}});
  CHECK(disk.size_bytes(path) == header_bytes + 3 * entry_bytes);
}

TEST_CASE("Ledger: of another job, or with too few entries, it is refused and left as it is") {
  FileDouble disk = disk_with(2);
  const std::string whole = test::text_of(disk, path);
  LedgerHeader other = header_of_two();
  other.seed = 8;
  CHECK_THROWS_WITH_AS(LedgerWriter::open(disk, path, other),
                       "/ledger: expected the ledger of 2 shards, batch 128, 60000 samples, seed "
                       "8, data ab000000; got that of 2 shards, batch 128, 60000 samples, seed 7, "
                       "data ab000000",
                       Error);
  CHECK(code_of([&] { LedgerWriter::open(disk, path, header_of_two(), 3); }) ==
        ErrorCode::corrupted);
  CHECK(test::text_of(disk, path) == whole);
  flip(disk, header_bytes + entry_bytes);
  CHECK_THROWS_WITH_AS(LedgerWriter::open(disk, path, header_of_two(), 2),
                       "/ledger: expected 2 steps, 1 verify; entry 1: its hash does not verify",
                       Error);
}

TEST_CASE("Ledger: a file that is none is refused") {
  FileDouble disk;
  for (const std::string& text : {std::string{}, std::string{"TRPLEDGR"}, std::string(200, 'x')}) {
    write_atomically(disk, path, test::as_bytes(text));
    CHECK(code_of([&] { LedgerReader(disk, path); }) == ErrorCode::corrupted);
  }
}

TEST_CASE("Ledger: after any power cut, whole entries are left, and all that were synced (LED-3)") {
  struct Synced {
    std::uint64_t steps = 0;
    std::string bytes;
  };
  const auto run = [](FileDouble& disk, Synced& synced) {
    LedgerWriter ledger = LedgerWriter::create(disk, path, header_of_two());
    synced.bytes = test::text_of(disk, path);
    for (std::uint64_t step = 0; step < 6; ++step) {
      append(ledger, step, step + 1);
      if (step % 2 == 0) continue;
      ledger.sync();
      synced = {step + 1, test::text_of(disk, path)};
    }
  };
  FileDouble whole;
  Synced all;
  run(whole, all);
  const std::string expected = test::text_of(whole, path);
  for (std::uint64_t cut = 0; cut <= whole.operations(); ++cut) {
    FileDouble disk;
    disk.cut_after(cut);
    Synced synced;
    try {
      run(disk, synced);
    } catch (const PowerCut&) {
    }
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      FileDouble found = test::crash_appended(disk, seed, path, synced.bytes);
      if (found.kind(path) == PathKind::none) {
        CHECK(synced.bytes.empty());
        continue;
      }
      LedgerWriter ledger = LedgerWriter::open(found, path, header_of_two());
      CHECK(ledger.steps() >= synced.steps);
      append(ledger, ledger.steps(), 6);
      CHECK(test::text_of(found, path) == expected);
    }
  }
}

TEST_CASE("Ledger: a full disk leaves no half of an entry between whole ones") {
  for (std::uint64_t operation = 0; operation < 4; ++operation) {
    FileDouble disk;
    LedgerWriter ledger = LedgerWriter::create(disk, path, header_of_two());
    disk.fail_after(operation);
    for (std::uint64_t step = 0; step < 4;) {
      try {
        append(ledger, step, step + 1);
        ++step;
      } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::exhausted);
        CHECK(ledger.steps() == step);
      }
    }
    CHECK(test::text_of(disk, path) == [] {
      FileDouble whole = disk_with(4);
      return test::text_of(whole, path);
    }());
  }
}
