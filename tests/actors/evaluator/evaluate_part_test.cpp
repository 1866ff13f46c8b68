#include "actors/evaluator/evaluate_part.hpp"

#include "gpu/cpu_device.hpp"
#include "runtime/base/error.hpp"
#include "tests/actors/model/trained.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::test;

namespace {

struct Bench {
  Bench(const Training& training, const Samples& learnt, const Samples& shown) {
    train(training, learnt, folder.path() + "/version");
    model = load_model(posix_files(), folder.path() + "/version");
    rows = std::make_unique<MemoryRows>(model, shown.features, shown.labels);
  }

  EvaluationCounts in_parts(std::uint32_t parts, std::int64_t batch) {
    std::vector<EvaluationCounts> counted;
    // In another order, and each by a runner of its own: neither may matter.
    for (std::uint32_t part = parts; part-- > 0;) {
      ModelRunner runner{model, *device, batch};
      counted.insert(counted.begin(), evaluate_part(runner, *rows, 2, part, parts));
    }
    return merged(counted);
  }

  TemporaryFolder folder;
  std::shared_ptr<const SavedModel> model;
  std::unique_ptr<MemoryRows> rows;
  std::unique_ptr<gpu::Device> device = gpu::make_cpu_device();
};

}  // namespace

TEST_CASE("evaluate part: parts are whole batches that hold each row once, in order") {
  for (const std::uint64_t rows : {0, 1, 9, 10, 11, 100, 1797}) {
    for (const std::uint32_t parts : {1U, 3U, 8U, 50U}) {
      std::uint64_t next = 0, most = 0, fewest = rows;
      for (std::uint32_t part = 0; part < parts; ++part) {
        const PositionRange range = part_rows(rows, 10, part, parts);
        CHECK(range.first == next);
        CHECK((range.first % 10 == 0 || range.first == rows));
        next = range.last;
        most = std::max(most, range.count());
        fewest = std::min(fewest, range.count());
      }
      CHECK(next == rows);
      CHECK(most - fewest <= 19);
    }
  }
  CHECK_THROWS_AS(part_rows(10, 10, 1, 1), Error);
  CHECK_THROWS_AS(part_rows(10, 0, 0, 1), Error);
}

TEST_CASE("evaluate part: 1, 3 and 8 parts come to the same counts, bit for bit") {
  Bench bench{Training{}, stripes(300, 4), stripes(205, 4)};
  const EvaluationCounts whole = bench.in_parts(1, 16);
  CHECK(whole.count == 205);
  CHECK(metrics_of(whole).value("accuracy") > 0.9);
  for (const std::uint32_t parts : {3U, 8U, 40U}) {
    CAPTURE(parts);
    CHECK(bench.in_parts(parts, 16) == whole);
  }
  // Rows that pad the tail do not count, wherever it is.
  CHECK(bench.in_parts(1, 205).confusion == whole.confusion);
  CHECK(bench.in_parts(1, 512).confusion == whole.confusion);
}

TEST_CASE("evaluate part: digits that were not seen are told apart") {
  const auto path = find_data("optdigits/digits.csv.gz");
  if (!path) return skip("TROUPE_DATA names no folder with optdigits/digits.csv.gz");
  const Samples all = digits(*path);
  Bench bench{digits_training(), all.part(0, 1400), all.part(1400, 1797)};
  const EvaluationCounts whole = bench.in_parts(1, 50);
  const Metrics metrics = metrics_of(whole);
  CHECK(metrics.rows == 397);
  CHECK(metrics.value("accuracy") > 0.9);
  CHECK(metrics.value("top_k") >= metrics.value("accuracy"));
  CHECK(metrics.value("f1_macro") > 0.89);
  CHECK(metrics.value("loss") < 0.5);
  CHECK(bench.in_parts(3, 50) == whole);
  CHECK(bench.in_parts(8, 50) == whole);
}

TEST_CASE("evaluate part: two classes have a curve, values have errors") {
  Training two;
  two.classes = 2;
  two.layers = R"(["flatten", {"dense": {"units": 2}}])";
  Bench classes{two, stripes(300, 2), stripes(100, 2)};
  CHECK(metrics_of(classes.in_parts(3, 8)).value("roc_auc") > 0.95);
  CHECK(classes.in_parts(3, 8) == classes.in_parts(1, 8));

  Bench values{values_training(), slopes(1000), slopes(90)};
  const Metrics metrics = metrics_of(values.in_parts(3, 8));
  CHECK(metrics.value("rmse") < 0.1);
  CHECK(metrics.value("mae") <= metrics.value("rmse"));
  CHECK(values.in_parts(8, 8) == values.in_parts(1, 8));
}

TEST_CASE("evaluate part: labels that do not fit, and a stop, end it with the reason") {
  Training training;
  training.steps = 1;
  Samples wrong = stripes(20, 4);
  wrong.labels[4 * 7] = std::byte{9};
  Bench bench{training, stripes(64, 4), wrong};
  ModelRunner runner{bench.model, *bench.device, 8};
  CHECK_THROWS_WITH_AS(evaluate_part(runner, *bench.rows, 1, 0, 1),
                       "evaluation: row 7: expected a label from 0 to 3, got 9", Error);
  std::stop_source source;
  source.request_stop();
  CHECK_THROWS_AS(evaluate_part(runner, *bench.rows, 1, 0, 1, source.get_token()), Error);
  wrong.labels.pop_back();
  CHECK_THROWS_AS((MemoryRows{bench.model, wrong.features, wrong.labels}), Error);
}
