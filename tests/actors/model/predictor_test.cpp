#include "actors/model/predictor.hpp"

#include <cmath>
#include <limits>

#include "runtime/base/error.hpp"
#include "tests/actors/model/trained.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::test;

namespace {

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

double accuracy_of(Predictor& predictor, const Samples& samples) {
  const std::vector<std::int64_t> predicted =
      predictor.predict_class(samples.features_as<std::uint8_t>());
  REQUIRE(predicted.size() == samples.size());
  std::size_t right = 0;
  for (std::size_t i = 0; i < predicted.size(); ++i)
    right += predicted[i] == samples.label(i) ? 1 : 0;
  return static_cast<double>(right) / static_cast<double>(samples.size());
}

}  // namespace

TEST_CASE("predictor: a model that learnt digits predicts those that it has not seen") {
  const auto path = find_data("optdigits/digits.csv.gz");
  if (!path) return skip("TROUPE_DATA names no folder with optdigits/digits.csv.gz");
  const TemporaryFolder folder;
  const Samples all = digits(*path);
  REQUIRE(all.size() == 1797);
  train(digits_training(), all.part(0, 1400), folder.path() + "/version");
  Predictor predictor = Predictor::load(folder.path() + "/version");
  CHECK(predictor.step() == 200);
  CHECK(predictor.classes() == 10);
  CHECK(accuracy_of(predictor, all.part(1400, 1797)) > 0.9);
}

TEST_CASE("predictor: probabilities by class, the same however the rows are asked for") {
  const TemporaryFolder folder;
  Training training;
  training.class_names = R"(["top", "upper", "lower", "bottom"])";
  train(training, stripes(500, 4), folder.path() + "/version");
  const Samples samples = stripes(75, 4);
  const auto rows = samples.features_as<std::uint8_t>();
  Predictor predictor = Predictor::load(folder.path() + "/version");
  CHECK(predictor.class_names()[3] == "bottom");
  CHECK(predictor.shape() == gpu::Shape{8, 8, 1});
  CHECK(accuracy_of(predictor, samples) > 0.9);

  const std::vector<float> all = predictor.predict(rows);
  REQUIRE(all.size() == 75 * 4);
  const std::vector<std::int64_t> classes = predictor.predict_class(rows);
  for (std::size_t i = 0; i < 75; ++i) {
    const auto row = std::span{all}.subspan(i * 4, 4);
    CHECK(std::abs(row[0] + row[1] + row[2] + row[3] - 1.0F) < 1e-6F);
    CHECK(std::ranges::max_element(row) - row.begin() == classes[i]);
    // Alone, and as the last of several.
    CHECK(same_bits(predictor.predict(rows.subspan(i * 64, 64)), row));
    const std::size_t from = i < 9 ? 0 : i - 9;
    const std::vector<float> some = predictor.predict(rows.subspan(from * 64, (i + 1 - from) * 64));
    CHECK(same_bits(std::span{some}.last(4), row));
  }
  CHECK(predictor.predict(rows.first(0)).empty());

  PredictorOptions one_by_one;
  one_by_one.batch = 1;
  Predictor other = Predictor::load(folder.path() + "/version", one_by_one);
  const std::vector<float> others = other.predict(rows);
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(std::abs(others[i] - all[i]) < 1e-5F);
}

TEST_CASE("predictor: rows in another type are the same rows, or are refused") {
  const TemporaryFolder folder;
  Training training;
  training.steps = 2;
  train(training, stripes(100, 4), folder.path() + "/version");
  Predictor predictor = Predictor::load(folder.path() + "/version");
  const Samples samples = stripes(5, 4);
  const auto rows = samples.features_as<std::uint8_t>();
  std::vector<float> floats(rows.begin(), rows.end());
  std::vector<double> doubles(rows.begin(), rows.end());
  const std::vector<float> expected = predictor.predict(rows);
  CHECK(same_bits(predictor.predict(floats), expected));
  CHECK(same_bits(predictor.predict(doubles), expected));
  CHECK_THROWS_AS(predictor.predict(rows.first(63)), Error);
  for (const float bad : {0.5F, -1.0F, 256.0F, std::numeric_limits<float>::quiet_NaN(),
                          std::numeric_limits<float>::infinity()}) {
    floats[70] = bad;
    CAPTURE(bad);
    try {
      predictor.predict(floats);
      FAIL_CHECK("expected an error");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::bad_input);
      CHECK(std::string_view{error.what()}.find("row 1, element 6") != std::string_view::npos);
    }
  }
  CHECK(same_bits(predictor.predict(rows), expected));
}

TEST_CASE("predictor: a regression predicts values") {
  const TemporaryFolder folder;
  train(values_training(), slopes(1000), folder.path() + "/version");
  Predictor predictor = Predictor::load(folder.path() + "/version");
  CHECK(predictor.classes() == 0);
  const Samples samples = slopes(40);
  const std::vector<float> values = predictor.predict(samples.features_as<float>());
  REQUIRE(values.size() == 40);
  for (std::size_t i = 0; i < 40; ++i) {
    float truth = 0;
    std::memcpy(&truth, samples.labels.data() + i * 4, 4);
    CHECK(std::abs(values[i] - truth) < 0.1F);
  }
  CHECK_THROWS_AS(predictor.predict_class(samples.features_as<float>()), Error);
  std::vector<double> large(64, 1e300);
  CHECK_THROWS_AS(predictor.predict(large), Error);
}
