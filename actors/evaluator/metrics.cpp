#include "actors/evaluator/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "runtime/base/error.hpp"
#include "runtime/base/nearest.hpp"

namespace troupe::actors {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double ratio(std::int64_t part, std::int64_t of) {
  return of == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(of);
}

/// The Mann-Whitney statistic over the number of pairs. Counted in whole halves, so that no order matters.
double roc_auc(const EvaluationCounts& counts) {
  std::vector<std::size_t> order(counts.scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t row) { return counts.scores[row]; });
  std::uint64_t halves = 0, zeros_below = 0, ones_below = 0;
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    std::uint64_t ones = 0;
    for (; end < order.size() && counts.scores[order[end]] == counts.scores[order[begin]]; ++end)
      ones += counts.labels[order[end]];
    const std::uint64_t zeros = (end - begin) - ones;
    halves += ones * (2 * zeros_below + zeros);
    zeros_below += zeros;
    ones_below += ones;
  }
  if (zeros_below == 0 || ones_below == 0) return nan;
  return static_cast<double>(halves) /
         (2.0 * static_cast<double>(zeros_below) * static_cast<double>(ones_below));
}

struct Averages {
  std::vector<Metrics::OfClass> classes;
  std::int64_t right = 0;
  double precision = 0, recall = 0, f1 = 0;
};

Averages averages(const EvaluationCounts& counts) {
  const auto classes = static_cast<std::size_t>(counts.task.classes);
  Averages result;
  std::int64_t occurring = 0;
  for (std::size_t k = 0; k < classes; ++k) {
    std::int64_t labelled = 0, predicted = 0;
    for (std::size_t other = 0; other < classes; ++other) {
      labelled += counts.confusion[k * classes + other];
      predicted += counts.confusion[other * classes + k];
    }
    const std::int64_t hits = counts.confusion[k * classes + k];
    const Metrics::OfClass of{ratio(hits, predicted), ratio(hits, labelled),
                              ratio(2 * hits, predicted + labelled), labelled};
    result.right += hits;
    result.classes.push_back(of);
    if (labelled + predicted == 0) continue;
    ++occurring;
    result.precision += of.precision;
    result.recall += of.recall;
    result.f1 += of.f1;
  }
  const auto count = static_cast<double>(occurring);
  result.precision /= count;
  result.recall /= count;
  result.f1 /= count;
  return result;
}

}  // namespace

std::vector<std::string_view> metric_names(std::int64_t classes) {
  if (classes == 0) return {"loss", "mse", "mae", "rmse"};
  std::vector<std::string_view> names = {
      "accuracy", "top_k",           "loss",         "log_loss", "precision_macro", "recall_macro",
      "f1_macro", "precision_micro", "recall_micro", "f1_micro"};
  if (classes == 2) names.emplace_back("roc_auc");
  return names;
}

bool larger_is_better(std::string_view metric) {
  return metric != "loss" && metric != "log_loss" && metric != "mse" && metric != "mae" &&
         metric != "rmse";
}

Metrics metrics_of(const EvaluationCounts& whole) {
  if (whole.first != 0 || whole.count != whole.task.rows) {
    throw Error{ErrorCode::bad_input, "metrics: expected all " + std::to_string(whole.task.rows) +
                                          " rows, got " + std::to_string(whole.count) + " from " +
                                          std::to_string(whole.first)};
  }
  Metrics metrics;
  metrics.rows = whole.count;
  metrics.not_finite = whole.not_finite;
  metrics.confusion = whole.confusion;
  std::vector<double> values;
  const auto rows = static_cast<double>(whole.count);
  const bool known = whole.count > 0 && whole.not_finite == 0;
  const auto sums = whole.nodes.empty() ? EvaluationCounts::Sums{} : whole.nodes.front().sums;
  if (whole.task.classes == 0) {
    const double mse = sums.squared / rows;
    values = {mse, mse, sums.absolute / rows, std::sqrt(mse)};
  } else {
    const Averages mean = averages(whole);
    const double accuracy = static_cast<double>(mean.right) / rows, loss = sums.log_loss / rows;
    values = {accuracy,       static_cast<double>(whole.top_hits) / rows,
              loss,           loss,
              mean.precision, mean.recall,
              mean.f1,        accuracy,
              accuracy,       accuracy};
    if (whole.task.classes == 2) values.push_back(known ? roc_auc(whole) : nan);
    metrics.classes = mean.classes;
  }
  const std::vector<std::string_view> names = metric_names(whole.task.classes);
  for (std::size_t i = 0; i < names.size(); ++i)
    metrics.values.emplace_back(names[i], known ? values[i] : nan);
  return metrics;
}

double Metrics::value(std::string_view name) const {
  std::vector<std::string_view> known;
  for (const auto& [each, number] : values) {
    if (each == name) return number;
    known.emplace_back(each);
  }
  throw Error{ErrorCode::bad_input, "metrics: expected a known one, got '" + std::string{name} +
                                        "'" + suggestion(name, known)};
}

std::string to_json(const Metrics& metrics, std::span<const std::string> class_names) {
  using Json = nlohmann::json;
  const std::size_t classes = metrics.classes.size();
  Json values = Json::object();
  for (const auto& [name, value] : metrics.values)
    values[name] = std::isfinite(value) ? Json(value) : Json();
  Json by_class = Json::array(), confusion = Json::array();
  for (std::size_t k = 0; k < classes; ++k) {
    const Metrics::OfClass& of = metrics.classes[k];
    by_class.push_back({{"name", k < class_names.size() ? class_names[k] : std::to_string(k)},
                        {"precision", of.precision},
                        {"recall", of.recall},
                        {"f1", of.f1},
                        {"support", of.support}});
    const auto row = metrics.confusion.begin() + static_cast<std::ptrdiff_t>(k * classes);
    confusion.push_back(std::vector(row, row + static_cast<std::ptrdiff_t>(classes)));
  }
  return Json{{"rows", metrics.rows},
              {"not_finite", metrics.not_finite},
              {"metrics", std::move(values)},
              {"classes", std::move(by_class)},
              {"confusion", std::move(confusion)}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace troupe::actors
