#include "actors/coordinator/step_collector.hpp"

#include "runtime/base/aligned_block.hpp"
#include "tests/support/doctest_std.hpp"
#include "tests/support/error_code.hpp"
#include "tests/support/file_double.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::test;

namespace {

/// A job of 10 steps that ends with 4 positions left over, and whoever makes its versions.
struct Case {
  Case() { add(0); }

  /// What comes before `version`, and that.
  void add(std::uint64_t version) {
    if (version > 0) slots.record({version - 1, 0.5, 10}, std::vector<ShardDigest>(job->shards()));
    auto writing = slots.begin_write();
    REQUIRE(writing);
    slots.commit(*std::move(writing), version, false);
  }
  StepCollector collector(std::optional<std::uint64_t> steps = {}) {
    return {files, "/ledger", job, {}, slots, steps};
  }

  const std::shared_ptr<const TrainingJob> job = std::make_shared<TrainingJob>(training_job_text(
      1, 104, gpu::Shape{4}, 2, R"([{"dense":{"units":"2"}}])", R"({"epochs":"1","batch":"10"})"));
  const std::size_t size = VersionSlots::size_bytes(job->layout().slot_bytes, job->shards());
  const std::shared_ptr<std::byte> memory = aligned_block(size);
  VersionSlots slots =
      VersionSlots::make({memory.get(), size}, job->id(), job->layout().slot_bytes, job->shards());
  FileDouble files;
};

}  // namespace

TEST_CASE("StepCollector: each step is in the ledger once, whoever collects it") {
  Case with;
  StepCollector first = with.collector();
  CHECK(first.collect().empty());
  with.add(1);
  with.add(2);
  const std::vector<StepRecord> steps = first.collect();
  REQUIRE(steps.size() == 2);
  CHECK(steps[1].step == 1);
  CHECK(first.ledger().steps() == 2);
  CHECK(first.collect().empty());
  // It ended between the ledger's line and the slots'.
  with.slots.collected(1);
  StepCollector second = with.collector();
  CHECK(second.collect().size() == 1);
  CHECK(second.ledger().steps() == 2);
  CHECK(with.slots.collected() == 2);
}

TEST_CASE("StepCollector: behind the job's last step stands what it left over") {
  Case with;
  StepCollector collector = with.collector();
  for (std::uint64_t version = 1; version <= with.job->steps(); ++version) {
    collector.end_if_complete();
    CHECK_FALSE(collector.ledger().ended());
    with.add(version);
    collector.collect();
  }
  collector.end_if_complete();
  collector.end_if_complete();
  const LedgerReader ledger{with.files, "/ledger"};
  CHECK(ledger.steps() == with.job->steps());
  REQUIRE(ledger.unused());
  CHECK(ledger.unused()->first == 100);
}

TEST_CASE("StepCollector: a ledger that is behind what was collected is told") {
  Case with;
  with.collector();
  for (std::uint64_t version = 1; version <= 3; ++version) with.add(version);
  with.slots.collected(2);  // by somebody who wrote another ledger
  StepCollector collector = with.collector();
  try {
    collector.collect();
    FAIL("expected an error");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::corrupted);
    CHECK(std::string{error.what()} == "/ledger: expected 2 steps, as were collected, got 0");
  }
  CHECK(with.slots.collected() == 2);
  CHECK(collector.ledger().steps() == 0);
}
