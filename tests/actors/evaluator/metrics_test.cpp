#include "actors/evaluator/metrics.hpp"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>

#include "runtime/base/canonical_tree.hpp"
#include "runtime/base/error.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::actors;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

/// A small generator for rows; what it gives is fixed.
class Draws {
 public:
  std::uint32_t next() {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::uint32_t>(state_ >> 33U);
  }
  /// From -4 to 4, on a grid, so that there are ties.
  float logit() { return static_cast<float>(next() % 65) / 8.0F - 4.0F; }

 private:
  std::uint64_t state_ = 7;
};

struct Rows {
  std::int64_t classes;
  std::vector<float> logits;
  std::vector<std::int32_t> labels;

  Rows(std::int64_t of, std::uint32_t rows) : classes{of} {
    Draws draws;
    for (std::uint32_t row = 0; row < rows; ++row) {
      for (std::int64_t k = 0; k < classes; ++k) logits.push_back(draws.logit());
      labels.push_back(
          static_cast<std::int32_t>(draws.next() % static_cast<std::uint32_t>(classes)));
    }
  }
  std::uint32_t size() const { return static_cast<std::uint32_t>(labels.size()); }
  std::span<const float> row(std::uint32_t i) const {
    const auto width = static_cast<std::size_t>(classes);
    return std::span{logits}.subspan(i * width, width);
  }
  EvaluationCounts counts(std::uint32_t first, std::uint32_t last, std::int64_t top_k = 2) const {
    EvaluationCounts counts{{classes, top_k, size()}, first};
    for (std::uint32_t i = first; i < last; ++i) counts.add_class(row(i), labels[i]);
    return counts;
  }
};

EvaluationCounts in_parts(const Rows& rows, std::uint32_t parts) {
  std::vector<EvaluationCounts> counted;
  for (std::uint32_t part = 0; part < parts; ++part)
    counted.push_back(rows.counts(rows.size() * part / parts, rows.size() * (part + 1) / parts));
  return merged(counted);
}

}  // namespace

TEST_CASE("metrics: a table worked out by hand") {
  // Labels 0 0 0 1 1 2; predicted 0 0 1 1 0 1: class 2 is never predicted, class 3 does not occur.
  EvaluationCounts counts{{4, 2, 6}, 0};
  const auto add = [&](std::int32_t label, std::size_t predicted) {
    std::array<float, 4> logits{0.3F, 0.2F, 0.1F, 0.0F};
    logits[predicted] = 1.0F;
    counts.add_class(logits, label);
  };
  add(0, 0), add(0, 0), add(0, 1), add(1, 1), add(1, 0), add(2, 1);
  CHECK(counts.confusion ==
        std::vector<std::int64_t>{2, 1, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0});
  const Metrics metrics = metrics_of(counts);
  CHECK(metrics.rows == 6);
  CHECK(metrics.value("accuracy") == 3.0 / 6);
  CHECK(metrics.value("top_k") == 5.0 / 6);  // class 2 stands third
  CHECK(metrics.classes[0].precision == 2.0 / 3);
  CHECK(metrics.classes[0].recall == 2.0 / 3);
  CHECK(metrics.classes[1].precision == 1.0 / 3);
  CHECK(metrics.classes[1].recall == 1.0 / 2);
  CHECK(metrics.classes[1].f1 == doctest::Approx(0.4).epsilon(1e-15));
  CHECK(metrics.classes[2].precision == 0);  // 0/0
  CHECK(metrics.classes[2].recall == 0);
  CHECK(metrics.classes[2].f1 == 0);
  CHECK(metrics.classes[2].support == 1);
  CHECK(metrics.classes[3].f1 == 0);
  CHECK(metrics.value("precision_macro") == doctest::Approx(1.0 / 3).epsilon(1e-15));
  CHECK(metrics.value("recall_macro") == doctest::Approx(7.0 / 18).epsilon(1e-15));
  CHECK(metrics.value("f1_micro") == 0.5);
}

TEST_CASE("metrics: of equal logits the first class is predicted, and stands first in the top k") {
  EvaluationCounts counts{{3, 2, 2}, 0};
  counts.add_class(std::array{1.0F, 1.0F, 1.0F}, 1);
  counts.add_class(std::array{1.0F, 1.0F, 1.0F}, 2);
  CHECK(counts.confusion[3] == 1);
  CHECK(counts.top_hits == 1);
}

TEST_CASE("metrics: log loss is that of the softmax, without overflow") {
  EvaluationCounts counts{{2, 1, 3}, 0};
  counts.add_class(std::array{0.0F, 0.0F}, 1);
  counts.add_class(std::array{1e30F, 0.0F}, 0);
  counts.add_class(std::array{100.0F, 0.0F}, 1);
  CHECK(metrics_of(counts).value("log_loss") ==
        doctest::Approx((std::log(2.0) + 0 + 100) / 3).epsilon(1e-14));
  CHECK(metrics_of(counts).value("loss") == metrics_of(counts).value("log_loss"));
}

TEST_CASE("metrics: merged parts are the whole, bit for bit, however the rows are shared out") {
  for (const std::uint32_t size : {1U, 2U, 7U, 64U, 1797U}) {
    for (const std::int64_t classes : {2, 5}) {
      const Rows rows{classes, size};
      const EvaluationCounts whole = rows.counts(0, size);
      const double expected = tree_sum(
          size,
          [&](std::uint64_t i) {
            EvaluationCounts one{{classes, 2, 1}, 0};
            one.add_class(rows.row(static_cast<std::uint32_t>(i)), rows.labels[i]);
            return one.nodes[0].sums.log_loss;
          },
          [](double a, double b) { return a + b; });
      CHECK(whole.nodes.at(0).sums.log_loss == expected);
      for (const std::uint32_t parts : {1U, 2U, 3U, 8U, 100U}) {
        CAPTURE(size);
        CAPTURE(parts);
        const EvaluationCounts merged_counts = in_parts(rows, parts);
        CHECK(merged_counts == whole);
        CHECK(to_json(metrics_of(merged_counts)) == to_json(metrics_of(whole)));
        CHECK_NOTHROW(merged_counts.check());
      }
    }
  }
}

TEST_CASE("metrics: parts that do not fit together are refused") {
  const Rows rows{3, 10}, others{3, 11};
  EvaluationCounts first = rows.counts(0, 5);
  CHECK_THROWS_AS(first.merge(rows.counts(6, 10)), Error);
  CHECK_THROWS_AS(first.merge(others.counts(5, 11)), Error);
  CHECK_THROWS_AS(first.merge(first), Error);
  CHECK_THROWS_AS(metrics_of(first), Error);
  CHECK_THROWS_AS(merged(std::vector{rows.counts(5, 10)}), Error);
  CHECK_THROWS_AS(merged(std::vector{first}), Error);
  EvaluationCounts full = rows.counts(0, 10);
  CHECK_THROWS_AS(full.add_class(rows.row(0), 0), Error);
  CHECK_THROWS_AS(first.add_class(rows.row(0), 3), Error);
  CHECK_THROWS_AS(first.add_class(rows.row(0), -1), Error);
  CHECK_THROWS_AS(first.add_value(1, 1), Error);
}

TEST_CASE("metrics: the area under the curve is the share of pairs in order") {
  for (const std::uint32_t size : {2U, 3U, 50U, 301U}) {
    const Rows rows{2, size};
    const Metrics metrics = metrics_of(rows.counts(0, size));
    double pairs = 0, ordered = 0;
    const auto score = [&](std::uint32_t i) { return rows.row(i)[1] - rows.row(i)[0]; };
    for (std::uint32_t one = 0; one < size; ++one) {
      for (std::uint32_t zero = 0; zero < size; ++zero) {
        if (rows.labels[one] != 1 || rows.labels[zero] != 0) continue;
        pairs += 1;
        ordered += score(one) > score(zero) ? 1 : score(one) == score(zero) ? 0.5 : 0;
      }
    }
    CAPTURE(size);
    if (pairs == 0) {
      CHECK(std::isnan(metrics.value("roc_auc")));
    } else {
      CHECK(metrics.value("roc_auc") == ordered / pairs);
    }
  }
  EvaluationCounts one_class{{2, 1, 1}, 0};
  one_class.add_class(std::array{0.0F, 1.0F}, 1);
  CHECK(std::isnan(metrics_of(one_class).value("roc_auc")));
}

TEST_CASE("metrics: errors of values") {
  EvaluationCounts counts{{0, 1, 3}, 0};
  counts.add_value(1.0F, 2.0F);
  counts.add_value(4.0F, 2.0F);
  counts.add_value(0.5F, 0.5F);
  const Metrics metrics = metrics_of(counts);
  CHECK(metrics.value("mse") == 5.0 / 3);
  CHECK(metrics.value("loss") == 5.0 / 3);
  CHECK(metrics.value("mae") == 1.0);
  CHECK(metrics.value("rmse") == std::sqrt(5.0 / 3));
  CHECK_THROWS_AS(metrics.value("accuracy"), Error);
  CHECK_THROWS_AS((EvaluationCounts{{0, 1, 1}, 0}.add_value(0, infinity)), Error);
}

TEST_CASE("metrics: without rows, or with predictions that are not finite, nothing is known") {
  EvaluationCounts counts{{2, 1, 2}, 0};
  counts.add_class(std::array{1.0F, 0.0F}, 0);
  counts.add_class(std::array{infinity, 0.0F}, 0);
  const Metrics metrics = metrics_of(counts);
  CHECK(metrics.not_finite == 1);
  for (const auto& [name, value] : metrics.values) CHECK(std::isnan(value));
  const Metrics none = metrics_of(EvaluationCounts{{2, 1, 0}, 0});
  for (const auto& [name, value] : none.values) CHECK(std::isnan(value));
  CHECK(to_json(none).find("\"accuracy\":null") != std::string::npos);
}

TEST_CASE("metrics: counts that cannot have been counted are refused") {
  const EvaluationCounts sound = Rows{2, 20}.counts(3, 14);
  CHECK_NOTHROW(sound.check());
  const auto refused = [&](auto&& spoil) {
    EvaluationCounts counts = sound;
    spoil(counts);
    CHECK_THROWS_AS(counts.check(), Error);
  };
  refused([](EvaluationCounts& c) { c.count = 18; });
  refused([](EvaluationCounts& c) { c.confusion[0] += 1; });
  refused([](EvaluationCounts& c) { c.confusion = {-1, 12, 0, 0}; });
  refused([](EvaluationCounts& c) { c.confusion.pop_back(); });
  refused([](EvaluationCounts& c) { c.nodes.pop_back(); });
  refused([](EvaluationCounts& c) { c.nodes[0].where.first = 2; });
  refused([](EvaluationCounts& c) { c.nodes[0].sums.log_loss = -1; });
  refused([](EvaluationCounts& c) { c.scores[0] = std::numeric_limits<double>::quiet_NaN(); });
  refused([](EvaluationCounts& c) { c.labels[0] = 2; });
  refused([](EvaluationCounts& c) { c.scores.pop_back(); });
  refused([](EvaluationCounts& c) { c.top_hits = 12; });
  CHECK_THROWS_AS((EvaluationCounts{{1 << 20, 1, 1}, 0}), Error);
}

TEST_CASE("metrics: numpy comes to the same values") {
  const char* const chosen = std::getenv("TROUPE_PYTHON");
  const std::string python = chosen != nullptr ? chosen : "python3";
  if (std::system((python + " -c 'import numpy' 2>/dev/null").c_str()) != 0)
    return test::skip(python + " cannot import numpy (set TROUPE_PYTHON)");
  const test::TemporaryFolder folder;
  const std::string script = folder.path() + "/judge.py", input = folder.path() + "/rows",
                    output = folder.path() + "/values";
  std::ofstream{script} << R"py(
import sys, numpy as np
data = np.loadtxt(sys.argv[1], ndmin=2)
x, y = data[:, :-1], data[:, -1].astype(int)
n, c = x.shape
p = x.argmax(1)
order = np.argsort(-x, axis=1, kind="stable")
lse = np.log(np.exp(x - x.max(1, keepdims=True)).sum(1)) + x.max(1)
tp = np.array([((p == k) & (y == k)).sum() for k in range(c)])
pred = np.array([(p == k).sum() for k in range(c)])
true = np.array([(y == k).sum() for k in range(c)])
with np.errstate(all="ignore"):
    precision = np.nan_to_num(tp / pred); recall = np.nan_to_num(tp / true)
    f1 = np.nan_to_num(2 * precision * recall / (precision + recall))
seen = (pred + true) > 0
loss = (lse - x[np.arange(n), y]).mean()
values = [(p == y).mean(), (order[:, :2] == y[:, None]).any(1).mean(), loss, loss,
          precision[seen].mean(), recall[seen].mean(), f1[seen].mean()]
np.savetxt(sys.argv[2], values, fmt="%.17g")
)py";
  for (const std::int64_t classes : {2, 3, 40}) {
    const Rows rows{classes, 150};
    {
      std::ofstream file{input};
      for (std::uint32_t i = 0; i < rows.size(); ++i) {
        for (const float x : rows.row(i)) file << x << ' ';
        file << rows.labels[i] << '\n';
      }
    }
    REQUIRE(std::system((python + ' ' + script + ' ' + input + ' ' + output).c_str()) == 0);
    const Metrics metrics = metrics_of(rows.counts(0, rows.size()));
    std::ifstream values{output};
    for (std::size_t i = 0; i < 7; ++i) {
      double expected = 0;
      REQUIRE(static_cast<bool>(values >> expected));
      CAPTURE(metrics.values[i].first);
      CHECK(metrics.values[i].second == doctest::Approx(expected).epsilon(1e-12));
    }
  }
}
