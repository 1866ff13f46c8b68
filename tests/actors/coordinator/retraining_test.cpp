#include "actors/coordinator/retraining.hpp"

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>

#include "actors/aggregator/aggregator.hpp"
#include "actors/checkpointer/checkpointer.hpp"
#include "actors/coordinator/coordinator.hpp"
#include "actors/coordinator/job_files.hpp"
#include "actors/coordinator/job_run.hpp"
#include "actors/deployer/serving_messages.hpp"
#include "actors/evaluator/evaluator.hpp"
#include "actors/feedback/drift_reference.hpp"
#include "actors/feedback/feedback.hpp"
#include "actors/loader/loader.hpp"
#include "actors/pipeline/build_reference.hpp"
#include "actors/pipeline/feedback_link.hpp"
#include "actors/pipeline/model_servable.hpp"
#include "actors/pipeline/observer.hpp"
#include "actors/pipeline/prepared_rows.hpp"
#include "actors/pipeline/short_form.hpp"
#include "actors/trainer/trainer.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/fault_order.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/random.hpp"
#include "runtime/cluster/node.hpp"
#include "runtime/cluster/shared_memory.hpp"
#include "runtime/config/config.hpp"
#include "runtime/registry.hpp"
#include "serialization/schema/serving.capnp.h"
#include "tests/support/doctest_std.hpp"
#include "tests/support/error_code.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::runtime;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t features = 6;

/// Sample `i`, of class i % 3.
std::vector<float> sample(std::uint64_t i) {
  const Draws draws{7, i, Purpose::split, 0};
  std::vector<float> row(features);
  for (std::size_t k = 0; k < features; ++k)
    row[k] = static_cast<float>((k % 3 == i % 3 ? 1.0 : 0.0) +
                                0.8 * draws.uniform53(static_cast<std::uint32_t>(k)));
  return row;
}

std::string table(std::uint64_t count) {
  std::ostringstream text;
  for (std::uint64_t i = 0; i < count; ++i) {
    for (const float value : sample(i)) text << value << ',';
    text << i % 3 << '\n';
  }
  return text.str();
}

std::string config() {
  return R"(name: loop
seed: 3
data: {format: csv, train: {file: table.csv}, header: false, classes: 3}
preprocess: {split: {validation: 0.1, test: 0.2}, transforms: [normalize]}
model:
  - dense: {units: 16}
  - relu
  - dense: {units: 3}
train: {epochs: 4, batch: 32, replicas: 2, optimizer: adam, learning_rate: 1e-2}
evaluate: {batch: 64, gate: accuracy >= 0.5}
)";
}

/// What was promoted, for a thread that waits for it.
class Promoted {
 public:
  struct One {
    std::string checkpoint;
    std::uint64_t number = 0;
  };
  void push(One one) {
    const std::scoped_lock lock{mutex_};
    ones_.push_back(std::move(one));
    changed_.notify_all();
  }
  /// The next one of that job.
  One wait(std::uint64_t number) {
    std::unique_lock lock{mutex_};
    for (;;) {
      REQUIRE(changed_.wait_for(lock, 2min, [&] { return !ones_.empty(); }));
      const One one = ones_.front();
      ones_.pop_front();
      if (one.number == number) return one;
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<One> ones_;
};

/// Stands in for the deployer: serves a version for 60 predictions, each of which is said the truth of at once.
class Front final : public Actor {
 public:
  Front(Context& context, const Parameters&) : link_{make_feedback_link(context, "/feedback")} {}
  void handles(Handlers& on) override {
    on.ask<wire::Deploy>([this](const Frame& frame, Reply reply) {
      const DeployedVersion version = read_deploy(frame);
      const auto model = load_model_servable(version.folder);
      const auto shared = std::make_shared<Reply>(std::move(reply));
      const auto right = std::make_shared<std::uint32_t>(0);
      const auto left = std::make_shared<int>(60);
      for (std::uint64_t i = 0; i < 60; ++i) {
        const std::vector<float> row = sample(10'000 + i);
        PredictionRecord record;
        record.info = &model->info();
        record.id = version.version + '-' + std::to_string(i);
        record.version = version.version;
        const auto bytes = std::as_bytes(std::span{row});
        record.inputs.assign(bytes.begin(), bytes.end());
        record.outputs.resize(3);
        model->predict(record.inputs, 1, std::as_writable_bytes(std::span{record.outputs}));
        std::vector<PredictionRecord> records;
        const std::string id = record.id;
        records.push_back(std::move(record));
        link_->record(std::move(records));
        link_->feedback({id, std::to_string(i % 3), {}},
                        [=](FeedbackResult result, const std::string&) {
                          if (result == FeedbackResult::ok) ++*right;
                          if (--*left == 0) shared->answer(deployed_frame({"", "", *right}));
                        });
      }
    });
  }

 private:
  std::unique_ptr<FeedbackSink> link_;
};

struct LoopFixture {
  TemporaryFolder folder;
  std::string run = folder.path() + "/run";
  EventQueue events;
  Promoted promoted;
  Registry registry;
  std::unique_ptr<Node> node;

  LoopFixture() {
    std::ofstream{folder.path() + "/table.csv"} << table(600);
    posix_files().create_folder(run);
    add_coordinator_type(registry, {},
                         [this](Context&, const std::string& checkpoint, std::uint64_t number) {
                           promoted.push({checkpoint, number});
                         });
    add_loader_types(registry);
    add_aggregator_type(registry);
    add_checkpointer_type(registry);
    add_trainer_type(registry);
    add_evaluator_types(registry, open_prepared_rows);
    add_feedback_types(registry);
    add_observer_type(registry, events);
    registry.add<Front>("front", "Stands in for the deployer.");
    registry.add_short_form(pipeline_short_form(2));
  }

  void start(const std::string& rule = "after: 50 labels") {
    ConfigResult result = read_config(config(), folder.path() + "/loop.yaml", registry, {});
    REQUIRE(result.problems.empty());
    SupervisorSpec& root = result.config.root;
    auto job = std::make_shared<SupervisorSpec>(*root.children.at(0).supervisor);
    auto values = job->children.at(0).parameters.values();
    values["run_folder"] = run;
    values["prepared_folder"] = folder.path() + "/prepared";
    values["base"] = folder.path();
    values["observer"] = std::string{"/observer"};
    job->children.at(0).parameters = Parameters{std::move(values)};
    root.children.at(0).supervisor = std::move(job);
    ChildSpec feedback, observer, front;
    observer.name = observer.type = "observer";
    front.name = front.type = "front";
    feedback.name = feedback.type = "feedback";
    feedback.parameters = Parameters{
        {{"store", folder.path() + "/feedback.db"},
         {"model", std::string{"loop"}},
         {"coordinator", std::string{"/job/coordinator"}},
         {"observer", std::string{"/observer"}},
         {"feedback", R"({"window": 60, "when": [")" + rule + R"("], "cooldown": "0s"})"},
         {"reference", std::string{}},
         {"max_predictions", std::int64_t{1000}},
         {"limit_bytes", std::int64_t{0}},
         {"max_waiting", std::int64_t{1000}},
         {"max_waiting_bytes", std::int64_t{1} << 20},
         {"retry", Duration{200ms}}}};
    root.children.insert(root.children.begin(), observer);
    root.children.push_back(feedback);
    root.children.push_back(front);
    NodeOptions options;
    options.log_descriptor = -1;
    node = std::make_unique<Node>(options, registry);
    node->share("versions", std::size_t{64} << 20);
    node->start(root);
  }
  void stop() {
    CHECK(node->stop().empty());
    node.reset();
  }
  /// How much of what was said of a version's predictions was kept.
  std::uint32_t use(const std::string& checkpoint, const std::string& version) {
    const Answer answer =
        node->ask<wire::Deploy>("/front", deploy_frame({version, checkpoint}), 1min);
    REQUIRE_MESSAGE(answer.ok(), answer.failure().text);
    return read_deployed(answer.frame()).replicas;
  }
  void kill_coordinator() {
    FaultOrder kill;
    kill.path = "/job/coordinator";
    node->inject(kill);
  }
  void wait_for_notice(std::string_view begin) {
    for (;;) {
      const auto event = events.pop(2min);
      REQUIRE(event.has_value());
      if (const auto* const notice = std::get_if<Notice>(&event->event))
        if (notice->text.starts_with(begin)) return;
    }
  }
  JobResult result(std::uint64_t number) const {
    const JobFiles files{posix_files(),
                         number == 0 ? run : run + "/jobs/" + std::to_string(number)};
    REQUIRE(files.result().has_value());
    return *files.result();
  }
  std::size_t lines(const std::string& file) const {
    std::ifstream in{file};
    std::size_t count = 0;
    for (std::string line; std::getline(in, line);) ++count;
    return count;
  }
};

RetrainJob wish(std::int64_t rowid) {
  RetrainJob job;
  job.model = "m";
  job.rowid = rowid;
  job.reason = "drift";
  job.feedback = "/feedback";
  return job;
}

}  // namespace

TEST_CASE("what is wanted of a rowid is wanted once, and read back as it was written") {
  const TemporaryFolder folder;
  RetrainJobs jobs;
  jobs.want(wish(5), 0);
  jobs.want(wish(5), 0);
  jobs.want(wish(3), 0);
  REQUIRE(jobs.jobs().size() == 1);
  jobs.want(wish(9), 1);  // in its place
  REQUIRE(jobs.jobs().size() == 1);
  CHECK(jobs.wanted()->rowid == 9);
  RetrainJob job = *jobs.wanted();
  job.state = RetrainJob::State::frozen;
  job.records = 7;
  job.served = "runs/1/checkpoints/step-000000000007";
  jobs.set(job);
  CHECK(jobs.wanted() == nullptr);
  jobs.want(wish(12), 1);  // not in the place of one that has begun
  CHECK(jobs.frozen()->number == 1);
  CHECK(jobs.wanted()->number == 2);
  job.state = RetrainJob::State::promoted;
  jobs.set(job);
  std::ofstream{folder.path() + "/retraining.json"} << jobs.json();
  RetrainJobs again = RetrainJobs::read(posix_files(), folder.path());
  CHECK(again.jobs() == jobs.jobs());
  CHECK(again.promoted()->number == 1);
  again.want(wish(20), 0);
  CHECK(again.jobs().back().number == 3);
  std::ofstream{folder.path() + "/retraining.json"} << "{\"jobs\": [{}]}";
  CHECK(code_of([&] { RetrainJobs::read(posix_files(), folder.path()); }) == ErrorCode::corrupted);
}

TEST_CASE("of many jobs the oldest are forgotten, but for the one that is served") {
  RetrainJobs jobs;
  for (std::int64_t i = 1; i <= 120; ++i) {
    jobs.want(wish(i), 0);
    RetrainJob job = jobs.jobs().back();
    job.state = i == 2 ? RetrainJob::State::promoted : RetrainJob::State::rejected;
    jobs.set(job);
  }
  CHECK(jobs.jobs().size() == RetrainJobs::most);
  CHECK(jobs.promoted()->number == 2);
  CHECK(jobs.jobs().back().number == 120);
}

TEST_CASE("a version is compared by what the gate is about, or by the first metric") {
  const std::vector<std::pair<std::string, double>> served{{"loss", 0.5}, {"accuracy", 0.9}};
  CHECK(worse_than(served, {{"loss", 0.6}, {"accuracy", 0.9}}, {"accuracy"}).empty());
  CHECK(worse_than(served, {{"loss", 0.4}, {"accuracy", 0.8}}, {"accuracy"}).size() == 1);
  CHECK(worse_than(served, {{"loss", 0.6}, {"accuracy", 0.8}}, {"accuracy", "loss"}).size() == 2);
  CHECK(worse_than(served, {{"loss", 0.6}}, {}).size() == 1);
  CHECK(worse_than(served, {}, {"loss"}).size() == 1);
  CHECK(worse_than({}, {{"loss", 0.6}}, {}).empty());
}

TEST_CASE_FIXTURE(LoopFixture,
                  "what is said of a served version's predictions leads to the next version") {
  start();
  const Promoted::One first = promoted.wait(0);
  CHECK(first.checkpoint == result(0).checkpoint);
  CHECK(use(first.checkpoint, "1") == 60);
  const Promoted::One second = promoted.wait(1);
  const JobResult next = result(1);
  CHECK(second.checkpoint == next.checkpoint);
  CHECK(next.gate_passed);
  CHECK(next.gate.find("not worse than what is served") != std::string::npos);
  CHECK(next.state_hash != result(0).state_hash);
  const std::size_t labels = lines(run + "/jobs/1/feedback.csv");
  CHECK(labels >= 50);
  CHECK(labels <= 60);
  // Again, and with a coordinator that is killed when it was told.
  CHECK(use(second.checkpoint, "2") == 60);
  wait_for_notice("job 2 begins");
  kill_coordinator();
  wait_for_notice("job 2 gave");
  const RetrainJobs jobs = RetrainJobs::read(posix_files(), run);
  REQUIRE(jobs.jobs().size() >= 2);
  CHECK(jobs.jobs()[1].state != RetrainJob::State::frozen);
  CHECK(lines(run + "/jobs/2/feedback.csv") >= 100);
  stop();
}

TEST_CASE_FIXTURE(
    LoopFixture,
    "what is served and cannot be measured any more is not compared with: the gate decides") {
  start();
  const Promoted::One first = promoted.wait(0);
  const std::string moved = folder.path() + "/moved";
  std::filesystem::rename(first.checkpoint, moved);
  CHECK(use(moved, "1") == 60);
  promoted.wait(1);
  CHECK(result(1).gate == "accuracy >= 0.5");
  CHECK(RetrainJobs::read(posix_files(), run).jobs()[0].served == first.checkpoint);
  stop();
}

TEST_CASE_FIXTURE(LoopFixture, "a run that was stopped in a following job goes on with it") {
  start();
  const Promoted::One first = promoted.wait(0);
  CHECK(use(first.checkpoint, "1") == 60);
  wait_for_notice("job 1 begins");
  stop();
  start("after: 1000 labels");
  const std::string hash = [this] {
    promoted.wait(1);
    return result(1).state_hash;
  }();
  CHECK_FALSE(hash.empty());
  stop();
  // What is done is not done again; what is served stays so.
  start("after: 1000 labels");
  CHECK(promoted.wait(1).checkpoint == result(1).checkpoint);
  CHECK(RetrainJobs::read(posix_files(), run).jobs().size() == 1);
  stop();
}

TEST_CASE_FIXTURE(LoopFixture, "a drift reference is made of the training data and a version") {
  start();
  const std::string checkpoint = promoted.wait(0).checkpoint;
  std::ifstream in{run + "/prepared"};
  std::string prepared;
  std::getline(in, prepared);
  const std::string json = build_reference(prepared, checkpoint, 3);
  const DriftReference reference = DriftReference::parse(json, "reference");
  CHECK(reference.features == features);
  CHECK(reference.groups.size() == 3);
  REQUIRE(reference.classes.size() == 3);
  CHECK(reference.classes[0] > 50);
  CHECK(json == build_reference(prepared, checkpoint, 3));
  CHECK(DriftReference::parse(build_reference(prepared, checkpoint, 3, 100), "r").classes[0] < 100);
  CHECK(code_of([&] { build_reference(run, checkpoint, 3); }) == ErrorCode::bad_input);
  stop();
}
