#include "actors/pipeline/pipeline.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "actors/coordinator/audit.hpp"
#include "actors/loader/raw_source.hpp"
#include "actors/pipeline/roles.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "runtime/base/random.hpp"
#include "runtime/registry.hpp"
#include "serialization/checkpoint.hpp"
#include "tests/support/doctest_std.hpp"
#include "tests/support/temporary_folder.hpp"

namespace troupe::actors {
namespace {

using test::TemporaryFolder;

/// Three heaps of points, one a class.
class Heaps final : public RawSource {
 public:
  explicit Heaps(std::uint64_t points, std::size_t width = 4) : points_{points}, width_{width} {}
  std::uint64_t size() const override { return points_; }
  const gpu::Shape& shape() const override { return shape_; }
  const std::string& name() const override { return name_; }
  void read(std::uint64_t i, RawRecord& record) const override {
    const Draws draws{17, i, Purpose::augment, 0};
    record.features.resize(width_);
    for (std::size_t k = 0; k < width_; ++k)
      record.features[k] = static_cast<float>(draws.uniform53(k) + (k == i % 3 ? 0.75 : 0.0));
    record.label = static_cast<double>(i % 3);
  }

 private:
  std::uint64_t points_;
  std::size_t width_;
  gpu::Shape shape_{4};
  std::string name_ = "heaps";
};

DataFormats formats() {
  return {{"heaps", [](SpecReader& set, const std::string&) {
             const auto points = static_cast<std::uint64_t>(set.integer("points", {}, 0, 1 << 20));
             const auto width = static_cast<std::size_t>(set.integer("width", 4, 1, 100));
             return [=] { return std::make_unique<Heaps>(points, width); };
           }}};
}

const std::string data = "data: {format: heaps, train: {points: 600}, classes: 3}\n";
const std::string file =
    "data: {format: csv, header: false, train: {file: heaps.csv}, classes: 3}\n";
const std::string model = "model: [{dense: {units: 16}}, relu, {dense: {units: 3}}]\n";
const std::string few = "train: {epochs: 2, batch: 32, shards: 4, replicas: 2}\n";
/// Long enough to be stopped on the way; saved at its end alone.
const std::string many =
    "train: {steps: 4000, batch: 32, shards: 4, replicas: 2, checkpoint_every: 1000000}\n"
    "evaluate: {every: 1000000 steps}\n";

struct Fixture {
  Fixture() {
    add_roles(registry, formats());
    std::ofstream csv{folder.path() + "/heaps.csv"};
    const Heaps heaps{600};
    RawRecord record;
    for (std::uint64_t i = 0; i < heaps.size(); ++i) {
      heaps.read(i, record);
      for (const float value : record.features) csv << value << ',';
      csv << record.label << '\n';
    }
  }

  std::string write(const std::string& text, const std::string& name = "job.yaml") const {
    std::ofstream{folder.path() + '/' + name} << text;
    return folder.path() + '/' + name;
  }
  PipelineOptions options() const {
    PipelineOptions result;
    result.node.threads = 2;
    result.node.log_descriptor = -1;
    result.runs = folder.path() + "/runs";
    result.prepared = folder.path() + "/prepared";
    return result;
  }
  Pipeline make(const std::string& sections) {
    return Pipeline::from_yaml(write("name: heaps\n" + sections), registry, options());
  }
  RunResult run(const std::string& sections) { return make(sections).run(); }
  /// Of a job that goes well.
  std::string hash(const std::string& sections) {
    const RunResult result = run(sections);
    CHECK_MESSAGE(result.ok, result.reason);
    CHECK(result.state_hash.size() == 64);
    return result.state_hash;
  }
  /// Why a job does not.
  std::string reason(const std::string& sections) {
    std::vector<JobEnded> ends;
    Pipeline pipeline = make(sections);
    pipeline.observe([&](const TimedEvent& event) {
      if (const auto* ended = std::get_if<JobEnded>(&event.event)) ends.push_back(*ended);
    });
    const RunResult result = pipeline.run();
    CHECK_FALSE(result.ok);
    CHECK_FALSE(result.interrupted);
    REQUIRE(ends.size() == 1);
    CHECK_FALSE(ends.front().ok);
    CHECK(ends.front().reason == result.reason);
    CHECK(result.reason.find('\n') == std::string::npos);
    return result.reason;
  }
  std::string relay(const std::string& more) const {
    const char* const plugins = std::getenv("TROUPE_TEST_PLUGINS");
    REQUIRE(plugins != nullptr);
    return "plugins: [" + std::string{plugins} + "/libplugin_relay.so]\n" + more;
  }

  TemporaryFolder folder;
  runtime::Registry registry;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "Pipeline: all problems of a config are one Error, a line each") {
  const std::string path =
      write("name: heaps\n" + data + "model: [{dens: {}}]\ntrain: {batch: 0}\n");
  try {
    Pipeline::from_yaml(path, registry, options());
    FAIL("expected an Error");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::bad_input);
    CHECK(std::string{error.what()} ==
          path + ":3:9: model/0: layer 'dens_1': unknown type 'dens' (did you mean 'dense'?)\n" +
              path + ":4:16: train/batch: expected an integer from 1 to 16777216, got \"0\"");
  }
  CHECK_THROWS_AS(Pipeline::from_yaml(folder.path() + "/none.yaml", registry, options()), Error);
  CHECK_FALSE(std::filesystem::exists(folder.path() + "/runs"));
}

TEST_CASE_FIXTURE(
    Fixture,
    "Pipeline: observers hear a job's events in order, and its files are in a run folder") {
  Pipeline pipeline = make(data + model + few);
  std::vector<std::size_t> kinds;
  std::vector<JobEvent> events;
  std::size_t also = 0;
  pipeline.observe([&](const TimedEvent& event) { events.push_back(event.event); });
  pipeline.observe([&](const TimedEvent&) { ++also; });
  const RunResult result = pipeline.run();
  REQUIRE_MESSAGE(result.ok, result.reason);
  CHECK(also == events.size());
  REQUIRE(events.size() > 6);
  const auto first = [&](auto is) { return std::ranges::find_if(events, is) - events.begin(); };
  const auto began = [&](Stage stage) {
    return first([&](const JobEvent& event) {
      const auto* const it = std::get_if<StageBegan>(&event);
      return it != nullptr && it->stage == stage;
    });
  };
  const auto ended = [&](Stage stage) {
    return first([&](const JobEvent& event) {
      const auto* const it = std::get_if<StageEnded>(&event);
      return it != nullptr && it->stage == stage;
    });
  };
  const auto a = [&]<class T>(T) {
    return first([](const JobEvent& event) { return std::holds_alternative<T>(event); });
  };
  CHECK(began(Stage::prepare) == 0);
  CHECK(began(Stage::prepare) < ended(Stage::prepare));
  CHECK(ended(Stage::prepare) < began(Stage::train));
  CHECK(began(Stage::train) < a(StepsDone{}));
  CHECK(a(StepsDone{}) < a(Checkpointed{}));
  CHECK(a(Checkpointed{}) < a(Evaluated{}));
  CHECK(a(Evaluated{}) < ended(Stage::train));
  CHECK(ended(Stage::train) < a(GateDecided{}));
  CHECK(a(GateDecided{}) < a(JobEnded{}));
  REQUIRE(std::holds_alternative<JobEnded>(events.back()));
  const auto& end = std::get<JobEnded>(events.back());
  CHECK(end.state_hash == result.state_hash);
  CHECK(end.step == result.step);
  CHECK(result.run_folder.starts_with(folder.path() + "/runs/heaps-"));
  for (const char* name :
       {"config.yaml", "job.json", "machine.json", "prepared", "metrics.jsonl", "ledger"})
    CHECK_MESSAGE(std::filesystem::exists(result.run_folder + '/' + name), name);
  CHECK(std::filesystem::is_directory(result.checkpoint));
}

TEST_CASE_FIXTURE(Fixture,
                  "Pipeline: stopped on its way it saves, and goes on to the same weights") {
  const std::string undisturbed = hash(data + model + many);
  std::filesystem::remove_all(folder.path() + "/runs");
  Pipeline first = make(data + model + many);
  std::thread stopper;
  first.observe([&](const TimedEvent& event) {
    if (std::holds_alternative<StepsDone>(event.event) && !stopper.joinable())
      stopper = std::thread{[&first] { first.stop(); }};
  });
  const RunResult stopped = first.run();
  REQUIRE(stopper.joinable());
  stopper.join();
  CHECK_FALSE(stopped.ok);
  CHECK(stopped.interrupted);
  std::size_t saved = 0;
  for (const auto& each :
       std::filesystem::directory_iterator{stopped.run_folder + "/checkpoints"}) {
    ++saved;
    CHECK(each.path().filename() != "step-000000004000");
  }
  CHECK(saved == 1);
  CHECK(std::filesystem::is_directory(stopped.run_folder + "/checkpoints/" +
                                      serialization::checkpoint_name(stopped.step)));

  PipelineOptions again = options();
  again.resume = true;
  Pipeline second = Pipeline::from_yaml(folder.path() + "/job.yaml", registry, again);
  const RunResult resumed = second.run();
  CHECK_MESSAGE(resumed.ok, resumed.reason);
  CHECK(resumed.run_folder == stopped.run_folder);
  CHECK(resumed.state_hash == undisturbed);
}

TEST_CASE_FIXTURE(Fixture,
                  "Pipeline: how shards and updates are shared out changes no bit (JOB-5, JOB-6)") {
  const std::string text = data + model + "train: {epochs: 2, batch: 32, shards: 4, replicas: 2";
  CHECK(hash(text + ", assign: least_loaded, update_threads: 3}\n") == hash(text + "}\n"));
}

TEST_CASE_FIXTURE(
    Fixture, "Pipeline: a parameter server says that it is exempt, and uses each sample once") {
  Pipeline first =
      make(data + model +
           "train: {steps: 1500, batch: 32, shards: 4, replicas: 3, checkpoint_every: 1000000, "
           "aggregate: {parameter_server: {staleness: 3}}}\n"
           "evaluate: {every: 1000000 steps, metrics: [accuracy], gate: accuracy > 0.6}\n");
  std::thread stopper;
  std::vector<std::string> exempt;
  first.observe([&](const TimedEvent& event) {
    if (const auto* const notice = std::get_if<Notice>(&event.event))
      if (contains(notice->text, "JOB-9")) exempt.push_back(notice->text);
    if (std::holds_alternative<StepsDone>(event.event) && !stopper.joinable())
      stopper = std::thread{[&first] { first.stop(); }};
  });
  const RunResult stopped = first.run();
  REQUIRE(stopper.joinable());
  stopper.join();
  CHECK(stopped.interrupted);
  CHECK(exempt.size() == 1);

  PipelineOptions again = options();
  again.resume = true;
  const RunResult result = Pipeline::from_yaml(folder.path() + "/job.yaml", registry, again).run();
  REQUIRE_MESSAGE(result.ok, result.reason);
  CHECK(result.step == 1500);
  const AuditReport audit = audit_run(posix_files(), result.run_folder);
  CHECK(audit.steps == 1500);
  CHECK_MESSAGE(audit.ok(), audit.text());
}

TEST_CASE_FIXTURE(Fixture, "Pipeline: another job is not taken for the one to go on with") {
  run(data + model + few);
  PipelineOptions again = options();
  again.resume = true;
  const std::string other = write("name: heaps\nseed: 9\n" + data + model + few);
  CHECK_THROWS_AS(Pipeline::from_yaml(other, registry, again).run(), Error);
  const std::string unknown = write("name: nobody\n" + data + model + few);
  CHECK_THROWS_AS(Pipeline::from_yaml(unknown, registry, again).run(), Error);
}

TEST_CASE_FIXTURE(Fixture, "Pipeline: two of them run side by side, each as it does alone") {
  const std::string text = data + model + few;
  const std::string one = hash("seed: 1\n" + text), two = hash("seed: 2\n" + text);
  CHECK(one != two);
  std::filesystem::remove_all(folder.path() + "/prepared");
  Pipeline first =
      Pipeline::from_yaml(write("name: first\nseed: 1\n" + text, "1.yaml"), registry, options());
  Pipeline second =
      Pipeline::from_yaml(write("name: second\nseed: 2\n" + text, "2.yaml"), registry, options());
  RunResult result;
  std::thread beside{[&] { result = first.run(); }};
  const RunResult other = second.run();
  beside.join();
  CHECK_MESSAGE(other.state_hash == two, other.reason);
  CHECK_MESSAGE(result.state_hash == one, result.reason);
}

TEST_CASE_FIXTURE(Fixture, "Pipeline: what is wrong with the data ends the job with one line") {
  CHECK(contains(reason("data: {format: csv, train: {file: none.csv}, classes: 3}\n" + model + few),
                 folder.path() + "/none.csv"));
  CHECK(
      contains(reason("data: {format: csv, header: false, train: {file: heaps.csv}, classes: 2}\n" +
                      model + few),
               "heaps.csv"));
  CHECK(contains(reason("data: {format: heaps, train: {points: 0}, classes: 3}\n" + model + few),
                 "heaps: expected 1 record or more"));
  CHECK(contains(
      reason("data: {format: heaps, train: {points: 9, width: 5}, classes: 3}\n" + model + few),
      "heaps: record 0: expected 4 features, got 5"));
}

TEST_CASE_FIXTURE(Fixture,
                  "Pipeline: a model that does not fit the data ends the job with one line") {
  CHECK(contains(reason(file + "model: [{dense: {units: 4}}]\n" + few),
                 "expected a prediction of 3 values, one a class, got [4]"));
  CHECK(contains(
      reason(file + "model: [batch_norm, {dense: {units: 3}}]\ntrain: {batch: 4, shards: 4}\n"),
      "expected shards of 2 values"));
}

TEST_CASE_FIXTURE(Fixture, "Pipeline: a gate that is not passed is no success") {
  CHECK(contains(reason(data + model + few + "evaluate: {gate: accuracy > 1}\n"), "gate"));
}

TEST_CASE_FIXTURE(Fixture,
                  "Pipeline: a plugin's actor stands between loader and trainer, from YAML alone") {
  const std::string text = file + model + few;
  const std::string plain = hash(text);
  const auto between = [&](const char* negate) {
    return relay(text +
                 "actors:\n"
                 "  - name: job\n"
                 "    actors:\n"
                 "      - {name: augment, type: relay, with: {source: /job/loader/0, negate: " +
                 negate + "}}\n      - {name: trainer, with: {loader: /job/augment}}\n");
  };
  CHECK(hash(between("false")) == plain);
  CHECK(hash(between("true")) != plain);
}

TEST_CASE_FIXTURE(Fixture, "Pipeline: one loader feeds two groups of trainers, from YAML alone") {
  const std::string text = file + model + few;
  CHECK(hash(text + "actors:\n"
                    "  - name: job\n"
                    "    actors:\n"
                    "      - {name: trainer, with: {loader: /job/loader/0}}\n"
                    "      - {name: second, type: trainer, with: {coordinator: coordinator, "
                    "loader: /job/loader/0}}\n") == hash(text));
}

TEST_CASE_FIXTURE(
    Fixture,
    "JOB-1: a loader that skips, doubles or swaps a record in mid-run is named by the audit") {
  const std::string text = file + model + few;
  const auto audited = [&](const std::string& more, std::string& hash) {
    const RunResult result = run(text + more);
    REQUIRE_MESSAGE(result.ok, result.reason);
    hash = result.state_hash;
    return audit_run(posix_files(), result.run_folder);
  };
  std::string honest_hash, hash;
  const AuditReport honest = audited("", honest_hash);
  CHECK_MESSAGE(honest.ok(), honest.text());
  REQUIRE(honest.steps > 20);
  // The second row of the third of four shards.
  const std::uint64_t step = honest.steps / 2, rows = honest.header.batch / 4,
                      first = step * honest.header.batch + 2 * rows;
  const std::string position = std::to_string(first + 1);
  for (const auto& [kind, said] : {std::pair{"skip", " was skipped"},
                                   {"double", " was consumed twice"},
                                   {"swap", " were swapped"}}) {
    const AuditReport report =
        audited("actors:\n  - name: job\n    actors:\n      - {name: loader, with: {corrupt: \"" +
                    std::string{kind} + ':' + position + "\"}}\n",
                hash);
    CAPTURE(report.text());
    CHECK_FALSE(report.ok());
    CHECK(report.problems.empty());
    REQUIRE(report.different == 1);
    CHECK(report.first[0].step == step);
    CHECK(report.first[0].shard == 2);
    CHECK(report.first[0].positions == PositionRange{first, first + rows});
    CHECK(report.first[0].explanation.starts_with("position " + position + " (record "));
    CHECK(report.first[0].explanation.ends_with(said));
    // A swap inside a shard may leave the weights as they are: the ledger alone knows.
    if (kind != std::string{"swap"}) CHECK(hash != honest_hash);
  }
}

}  // namespace troupe::actors
