// Who is leased shards (JOB-6): trainers that say something of a job that it is not. And whose the ledger is.
#include "actors/coordinator/training.hpp"

#include <capnp/message.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "actors/pipeline/pipeline.hpp"
#include "actors/pipeline/roles.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/base/random.hpp"
#include "runtime/registry.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/schema/training.capnp.h"
#include "tests/support/doctest_std.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::runtime;

namespace {

/// What the false trainers of a test were given.
struct Given {
  std::atomic<unsigned> plans = 0, shards = 0, admissions = 0;
  std::string fault = {};          // what they say instead of a probe
  std::uint32_t most_rows = 1000;  // of a shard that they have memory for
};

/// A trainer of a machine that computes other bits.
class FalseTrainer final : public Actor {
 public:
  FalseTrainer(Context& context, const Parameters& with, Given& given)
      : given_{given}, membership_{context, with.text("coordinator"), "trainer"} {}

  void handles(Handlers& on) override {
    on.tell<wire::TrainingPlan>([this](const serialization::Frame& frame) {
      std::string text;
      serialization::read_head<wire::TrainingPlan>(frame, [&](wire::TrainingPlan::Reader head) {
        text = head.getJob();
        ++given_.plans;
        given_.shards += head.getLease().getCount();
        given_.admissions += head.getAdmitted() ? 1 : 0;
      });
      if (text.empty()) return;
      const TrainingJob job{text};
      if (job.shard_rows() > given_.most_rows)
        return membership_.show_fault(
            job.id(), "no room for shards of " + std::to_string(job.shard_rows()), true);
      if (!given_.fault.empty()) return membership_.show_fault(job.id(), given_.fault);
      serialization::Xxh3Digest probe{};
      probe[14] = std::byte{0xab};
      probe[15] = std::byte{0xcd};
      membership_.show(job.id(), probe, {});
    });
  }

 private:
  Given& given_;
  Membership membership_;
};

struct Fixture {
  Fixture() {
    add_roles(registry);
    ActorType type;
    type.name = "false_trainer";
    type.help = "Computes other bits.";
    type.parameters = {{"coordinator", ParameterType::path, "The job's coordinator."}};
    type.make = [this](Context& context, const Parameters& with) -> std::unique_ptr<Actor> {
      return std::make_unique<FalseTrainer>(context, with, given);
    };
    registry.add(std::move(type));
    std::ofstream csv{folder.path() + "/table.csv"};
    for (std::uint64_t i = 0; i < 400; ++i) {
      const Draws draws{7, i, Purpose::split, 0};
      for (std::uint32_t k = 0; k < 4; ++k)
        csv << draws.uniform53(k) + (k == i % 2 ? 0.5 : 0.0) << ',';
      csv << i % 2 << '\n';
    }
  }

  RunResult run(const std::string& more) {
    std::ofstream{folder.path() + "/job.yaml"}
        << "name: job\ndata: {format: csv, header: false, train: {file: table.csv}, classes: 2}\n"
           "model: [{dense: {units: 2}}]\n"
           "train: {" +
               device + "epochs: 4, batch: 32, shards: 4, replicas: 1, fitting_within: 50ms}\n"
        << more;
    PipelineOptions options;
    options.node.threads = 2;
    options.node.log_descriptor = -1;
    options.runs = folder.path() + "/runs";
    options.prepared = folder.path() + "/prepared";
    Pipeline pipeline = Pipeline::from_yaml(folder.path() + "/job.yaml", registry, options);
    pipeline.observe([&](const TimedEvent& event) {
      if (const auto* notice = std::get_if<Notice>(&event.event)) notices.push_back(notice->text);
      if (on_event) on_event(event.event);
    });
    return pipeline.run();
  }

  test::TemporaryFolder folder;
  Registry registry;
  Given given;
  std::string device;
  std::vector<std::string> notices;
  std::function<void(const JobEvent&)> on_event;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "Training: a trainer that computes other bits gets no shards") {
  const RunResult alone = run("");
  REQUIRE_MESSAGE(alone.ok, alone.reason);
  CHECK(notices.empty());
  const RunResult beside =
      run("actors:\n  - name: job\n    actors:\n"
          "      - {name: second, type: false_trainer, with: {coordinator: coordinator}}\n");
  REQUIRE_MESSAGE(beside.ok, beside.reason);
  CHECK(beside.state_hash == alone.state_hash);
  CHECK(given.plans > 0);
  CHECK(given.shards == 0);
  CHECK(given.admissions == 0);
  REQUIRE(notices.size() == 1);
  CHECK(notices[0].starts_with("/job/second: expected a machine with probe "));
  CHECK(contains(notices[0], "got 0000000000000000000000000000abcd: it computes other bits"));
}

TEST_CASE_FIXTURE(Fixture,
                  "Training: if all trainers compute other bits, the job ends and says so") {
  const RunResult result =
      run("actors:\n  - name: job\n    actors:\n"
          "      - {name: trainer, type: false_trainer}\n");
  CHECK_FALSE(result.ok);
  CHECK_FALSE(result.interrupted);
  CHECK(result.step == 0);
  CHECK(result.reason.starts_with("/job/trainer/0: expected a machine with probe "));
  CHECK(contains(result.reason, "got 0000000000000000000000000000abcd: it computes other bits"));
  CHECK(given.shards == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "Training: a machine that cannot compute the job says why, and others do") {
  given.fault = "no such device";
  const RunResult beside =
      run("actors:\n  - name: job\n    actors:\n"
          "      - {name: second, type: false_trainer, with: {coordinator: coordinator}}\n");
  REQUIRE_MESSAGE(beside.ok, beside.reason);
  CHECK(given.shards == 0);
  CHECK(notices == std::vector<std::string>{"/job/second: no such device"});
}

TEST_CASE_FIXTURE(Fixture,
                  "Training: where no machine can compute the job it ends with the reason") {
  given.fault = "no such device";
  const RunResult result =
      run("actors:\n  - name: job\n    actors:\n      - {name: trainer, type: false_trainer}\n");
  CHECK_FALSE(result.ok);
  CHECK(result.reason == "/job/trainer/0: no such device");
}

TEST_CASE_FIXTURE(Fixture,
                  "Training: with a device that is its trainers' alone the first of them says what "
                  "a machine makes of the job") {
  device = "device: auto, ";
  const RunResult told = run("");
  REQUIRE_MESSAGE(told.ok, told.reason);
  std::ifstream file{told.run_folder + "/machine.json"};
  const std::string machine{std::istreambuf_iterator<char>{file}, {}};
  CHECK(contains(machine, "\"probe\""));
  device.clear();
  const RunResult by_cpu = run("");
  CHECK(told.state_hash == by_cpu.state_hash);
}

TEST_CASE_FIXTURE(Fixture,
                  "Training: micro_batches: auto settles on shards that a machine has memory for") {
  device = "device: auto, micro_batches: auto, ";
  const std::string narrow =
      "actors:\n  - name: job\n    actors:\n      - {name: trainer, type: false_trainer}\n";
  given.most_rows = 2;
  given.fault = "at last";
  const RunResult result = run(narrow);
  CHECK(result.reason == "/job/trainer/0: at last");
  REQUIRE(notices.size() == 3);
  CHECK(notices[0] == "/job/trainer/0: no room for shards of 8: 8 shards are tried");
  CHECK(notices[1] == "/job/trainer/0: no room for shards of 4: 16 shards are tried");

  given.most_rows = 0;
  notices.clear();
  const RunResult none = run(narrow);
  CHECK_FALSE(none.ok);
  CHECK(contains(
      none.reason,
      "no room for shards of 1: expected more shards of a batch of 32 to try, got 32 already"));
}

TEST_CASE_FIXTURE(Fixture, "Training: a ledger that another coordinator still has is waited for") {
  FileLock before;
  bool stepped = false;
  on_event = [&](const JobEvent& event) {
    if (const auto* began = std::get_if<StageBegan>(&event);
        began != nullptr && began->stage == Stage::prepare) {
      for (const auto& entry : std::filesystem::directory_iterator{folder.path() + "/runs"})
        before = lock_file(entry.path().string() + "/ledger.lock");
    }
    if (std::holds_alternative<StepsDone>(event)) stepped = stepped || before;
    if (std::holds_alternative<Notice>(event)) before.reset();
  };
  const RunResult waited = run("");
  CHECK_MESSAGE(waited.ok, waited.reason);
  CHECK_FALSE(stepped);
  REQUIRE(notices.size() == 1);
  CHECK(
      contains(notices[0], "/ledger.lock: the job waits: the coordinator before is not gone yet"));
  on_event = {};
  CHECK(waited.state_hash == run("").state_hash);
}
