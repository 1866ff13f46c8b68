#include "actors/coordinator/audit_version.hpp"

#include "runtime/base/error.hpp"
#include "serialization/checkpoint.hpp"
#include "tests/support/doctest_std.hpp"
#include "tests/support/error_code.hpp"
#include "tests/support/file_double.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::test;

namespace {

const std::string sections =
    R"("data":{"format":"csv"},"preprocess":null,"model":[],"train":{"epochs":2,"batch":8,"shards":2})";

/// A run of 5 steps whose last version is saved.
struct Case {
  Case() {
    ledger = {2, 8, 20, 7, {std::byte{9}}};
    record.config = "{" + sections + R"(,"evaluate":{},"prepared":{}})";
    record.step = 5;
    record.seed = ledger.seed;
    record.data_fingerprint = ledger.data_fingerprint;
    files.create_folder("/run");
    files.create_folder("/run/checkpoints");
    describe("null");
    save();
  }

  void describe(const std::string& evaluate) {
    const std::string text =
        R"({"job":{)" + sections + R"(,"evaluate":)" + evaluate + R"(,"seed":7}})";
    write_atomically(files, "/run/job.json", as_bytes(text));
  }
  /// Anew, as the version that the result names.
  void save() {
    const std::string folder = "/run/checkpoints/" + serialization::checkpoint_name(5);
    remove_all(files, folder);
    serialization::write_checkpoint(files, folder, record, {});
    result.step = 5;
    result.state_hash =
        serialization::to_hex(serialization::read_checkpoint(files, folder).manifest.state_hash);
  }
  std::vector<std::string> audit() {
    return audit_version(files, "/run", result, read_described_job(files, "/run"), ledger);
  }
  std::string problem() {
    const std::vector<std::string> problems = audit();
    REQUIRE(problems.size() == 1);
    return problems.front();
  }

  FileDouble files;
  LedgerHeader ledger;
  serialization::TrainingRecord record;
  JobResult result;
};

}  // namespace

TEST_CASE("Audit: the version that a run names verifies") {
  CHECK(Case{}.audit().empty());
}

TEST_CASE("Audit: a version that is not there, is damaged or has another state is a problem") {
  Case with;
  with.result.state_hash = std::string(64, '0');
  CHECK(with.problem().starts_with("/run/result.json: expected the state "));
  with.save();
  const std::string state = "/run/checkpoints/step-000000000005/state.safetensors";
  write_atomically(with.files, state, as_bytes(text_of(with.files, state) + "x"));
  CHECK(with.problem().starts_with(state));
  remove_all(with.files, "/run/checkpoints/step-000000000005");
  CHECK(
      with.problem() ==
      "/run/checkpoints/step-000000000005: expected the version that result.json names, got none");
}

TEST_CASE("Audit: a version of another job, seed or data is a problem") {
  const std::string manifest = "/run/checkpoints/step-000000000005/manifest: expected ";
  Case with;
  with.record.config =
      R"({"data":{"format":"csv"},"model":[],"train":{"epochs":3,"batch":8,"shards":2}})";
  with.save();
  CHECK(with.problem() == manifest + "the section train of job.json, got another");
  Case other;
  other.record.seed = 8;
  other.save();
  CHECK(other.problem() == manifest + "the job's seed 7, got seed 8");
  Case data;
  data.record.data_fingerprint = {};
  data.save();
  CHECK(data.problem().starts_with(manifest + "the ledger's data 09"));
  Case ledger;
  ledger.ledger.seed = 8;
  CHECK(ledger.problem() == "/run/ledger: expected the job's seed 7, got seed 8");
}

TEST_CASE("Audit: a version before the job's last step is right only where it may stop early") {
  Case with;
  with.ledger.samples = 40;  // 10 steps
  CHECK(with.problem() ==
        "/run/result.json: expected step 10, the job's last, since it may not stop early, got step "
        "5");
  with.describe(R"({"early_stopping":{"metric":"loss"}})");
  with.record.config = "{" + sections + R"(,"evaluate":{"early_stopping":{"metric":"loss"}}})";
  with.save();
  CHECK(with.audit().empty());
  with.ledger.samples = 16;  // 4 steps
  CHECK(with.problem().find("expected step 4, the job's last, or one before it, got step 5") !=
        std::string::npos);
}

TEST_CASE("Audit: a job.json that says no job is refused") {
  Case with;
  write_atomically(with.files, "/run/job.json", as_bytes("{}"));
  CHECK(code_of([&] { read_described_job(with.files, "/run"); }) == ErrorCode::corrupted);
}
