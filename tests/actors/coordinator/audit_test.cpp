#include "actors/coordinator/audit.hpp"

#include <algorithm>

#include "actors/loader/batch_maker.hpp"
#include "actors/loader/preparation.hpp"
#include "runtime/base/error.hpp"
#include "tests/actors/loader/support.hpp"
#include "tests/support/doctest_std.hpp"
#include "tests/support/error_code.hpp"
#include "tests/support/file_double.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::test;

namespace {

constexpr std::uint64_t seed = 7, batch = 8, epochs = 2;
constexpr std::uint32_t shards = 2;

serialization::Sha256Digest digest_of(const std::string& hex) {
  serialization::Sha256Digest digest{};
  for (std::size_t i = 0; i < digest.size(); ++i)
    digest[i] = static_cast<std::byte>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
  return digest;
}

/// Prepared data of 20 records, and what a loader that commits `corruption` left in a ledger.
struct Case {
  explicit Case(const std::string& corruption = {}, std::uint64_t new_machine_at = 0)
      : from{many_records(20)},
        spec{from.preprocess(R"({"split": {"validation": 0, "test": 0}})")},
        folder{prepare(files, from.data, spec, seed, "/d")},
        data{PreparedData::open(files, folder)},
        maker{data, spec, seed, Corruption::parse(corruption)},
        writer{LedgerWriter::create(
            files, "/ledger",
            {shards, batch, data.size(Split::train), seed, digest_of(data.fingerprint())})} {
    writer.set_machine({std::byte{1}});
    for (std::uint64_t step = 0; step < steps(); ++step) {
      if (step > 0 && step == new_machine_at) writer.set_machine({std::byte{2}});
      add(step);
    }
  }

  std::uint64_t steps() const { return epochs * data.size(Split::train) / batch; }
  void add(std::uint64_t step) {
    std::vector<float> features(batch * 3);
    std::vector<std::int32_t> labels(batch);
    const std::array<std::byte*, 2> inputs{reinterpret_cast<std::byte*>(features.data()),
                                           reinterpret_cast<std::byte*>(labels.data())};
    std::vector<ShardDigest> digests;
    for (std::uint64_t first = step * batch; first < (step + 1) * batch; first += batch / shards)
      digests.push_back(maker.fill({first, first + batch / shards}, inputs));
    writer.append(step, digests, 0.5);
  }
  AuditReport audit(std::optional<std::uint64_t> upto = {}) {
    return audit_ledger(files, "/ledger", folder, upto, epochs);
  }

  CsvCase from;
  FileDouble files;
  PreprocessSpec spec;
  std::string folder;
  PreparedData data;
  BatchMaker maker;
  LedgerWriter writer;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE(
    "Audit: a job that consumed each position once is told so, with what it left at its end") {
  Case with;
  const AuditReport report = with.audit();
  CHECK(report.ok());
  CHECK(report.steps == 5);
  REQUIRE(report.unused);
  CHECK(report.unused->count() == 0);
  CHECK(contains(report.text(),
                 "positions 0 to 39: each consumed exactly once, in order (2 whole epochs)"));
  CHECK(contains(report.text(), "unused at the end: none"));

  const AuditReport earlier = with.audit(3);
  CHECK(earlier.ok());
  CHECK(earlier.steps == 3);
  CHECK_FALSE(earlier.unused);
  CHECK(contains(earlier.text(), "(1 whole epoch and 4 positions)"));

  const AuditReport longer = audit_ledger(with.files, "/ledger", with.folder, {}, 3);
  CHECK_FALSE(longer.unused);
}

TEST_CASE("Audit: a loader that skips, doubles or swaps a record is found out, with the place") {
  // 21 is the second position of step 2's second shard, positions 20 to 23.
  for (const auto& [corruption, said] :
       std::vector<std::pair<std::string, std::string>>{{"skip:21", " was skipped"},
                                                        {"double:21", " was consumed twice"},
                                                        {"swap:21", " were swapped"}}) {
    Case with{corruption};
    const AuditReport report = with.audit();
    CAPTURE(report.text());
    CHECK_FALSE(report.ok());
    REQUIRE(report.different == 1);
    CHECK(report.first[0].step == 2);
    CHECK(report.first[0].shard == 1);
    CHECK(report.first[0].positions == PositionRange{20, 24});
    CHECK(report.first[0].explanation.starts_with("position 21 (record "));
    CHECK(report.first[0].explanation.ends_with(said));
    CHECK(with.audit(2).ok());  // before it happened
  }
}

TEST_CASE("Audit: what nothing explains is named by its place") {
  Case with;
  std::vector<ShardDigest> digests(shards);
  LedgerWriter other = LedgerWriter::create(
      with.files, "/other", {shards, batch, 20, seed, digest_of(with.data.fingerprint())});
  other.append(0, digests, 0.5);
  const AuditReport report = audit_ledger(with.files, "/other", with.folder, {}, epochs);
  CHECK(report.different == 2);
  CHECK(report.first[0].explanation.empty());
  CHECK(contains(report.text(), "step 0, shard 0, positions 0 to 3: other records"));
  CHECK(contains(report.text(), "step 0, shard 1, positions 4 to 7: other records"));
}

TEST_CASE("Audit: a ledger that is too short, damaged, or of other data is a problem") {
  Case with;
  const AuditReport longer = with.audit(6);
  CHECK_FALSE(longer.ok());
  CHECK(contains(longer.text(),
                 "the version is of step 6, the ledger has only 5 steps: it was cut off\n"));
  const std::string whole = text_of(with.files, "/ledger");
  write_atomically(with.files, "/cut", as_bytes(whole.substr(0, whole.size() - 30)));
  const AuditReport cut = audit_ledger(with.files, "/cut", with.folder, 5, epochs);
  CHECK(contains(cut.text(), "problem: /cut: entry 4: it was cut off: expected 64 bytes, got 34"));

  std::string bytes = text_of(with.files, "/ledger");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_atomically(with.files, "/damaged", as_bytes(bytes));
  const AuditReport damaged = audit_ledger(with.files, "/damaged", with.folder, 5, epochs);
  CHECK_FALSE(damaged.ok());
  CHECK(damaged.problems.size() == 2);
  CHECK(audit_ledger(with.files, "/damaged", with.folder, 4, epochs).ok());

  LedgerWriter::create(with.files, "/other", {shards, batch, 21, seed, {}});
  const AuditReport other = audit_ledger(with.files, "/other", with.folder, {}, epochs);
  CHECK_FALSE(other.ok());
  CHECK(contains(other.text(), "with 21 records"));
}

TEST_CASE("Audit: what the ledger notes as unused is compared with what is left over") {
  Case with;
  const AuditReport open = with.audit(5);  // a version, but no end
  CHECK_FALSE(open.ok());
  CHECK(
      contains(open.text(), "problem: at its end no position is unused, the ledger notes no end"));
  CHECK(with.audit().ok());  // it may be about to be written
  CHECK(with.audit(4).ok());
  with.writer.end({40, 40});
  CHECK(with.audit(5).ok());

  Case other;
  other.writer.end({38, 40});
  CHECK(contains(other.audit().text(), "the ledger notes positions 38 to 39 are unused"));
}

TEST_CASE("Audit: where a job went on on another machine is told, and is no problem") {
  CHECK(Case{}.audit().machines.size() == 1);
  Case with{"", 3};
  with.writer.end({40, 40});
  const AuditReport report = with.audit(5);
  CHECK(report.ok());
  REQUIRE(report.machines.size() == 2);
  CHECK(report.machines[1].step == 3);
  CHECK(
      contains(report.text(), "from step 3 on another machine computed (--new-machine): probe 02" +
                                  std::string(30, '0') + ", before 01"));
  CHECK(with.audit(3).machines.size() == 1);  // before it took over
}

TEST_CASE("Audit: a folder that is no run is refused") {
  FileDouble files;
  CHECK(code_of([&] { audit_run(files, "/nowhere"); }) == ErrorCode::bad_input);
}
