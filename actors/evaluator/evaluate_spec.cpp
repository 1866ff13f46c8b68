#include "actors/evaluator/evaluate_spec.hpp"

#include <algorithm>
#include <array>

#include "actors/evaluator/metrics.hpp"
#include "runtime/base/nearest.hpp"
#include "runtime/parameters.hpp"

namespace troupe::actors {
namespace {

/// "epoch", "1 step", "500 steps".
std::uint64_t read_every(SpecReader& section) {
  const std::string text = section.text("every", "epoch");
  if (text == "epoch") return 0;
  const std::size_t space = text.find(' ');
  const std::string unit = space == std::string::npos ? std::string{} : text.substr(space + 1);
  const auto count =
      runtime::parse_parameter(runtime::ParameterType::integer, text.substr(0, space));
  const std::int64_t steps = count ? std::get<std::int64_t>(*count) : 0;
  if ((unit == "steps" || unit == "step") && steps >= 1) return static_cast<std::uint64_t>(steps);
  section.problem("every",
                  "expected epoch, or a number of steps as in '500 steps', got '" + text + "'");
  return 0;
}

/// Whether the metric is known; if not, it is a problem.
bool check_metric(SpecReader& section, std::string_view key, const std::string& metric,
                  const std::vector<std::string_view>& known) {
  if (std::ranges::find(known, metric) != known.end()) return true;
  section.problem(
      key, "expected a metric of this task, got '" + metric + "'" + suggestion(metric, known));
  return false;
}

std::optional<EarlyStopping> read_early_stopping(SpecReader& section,
                                                 const std::vector<std::string_view>& known) {
  if (!section.has("early_stopping")) return {};
  SpecReader with = section.object("early_stopping");
  EarlyStopping rule;
  rule.metric = with.text("metric", "loss");
  check_metric(with, "metric", rule.metric, known);
  constexpr std::array<std::string_view, 2> modes = {"max", "min"};
  rule.larger_is_better = with.choice("mode", modes, larger_is_better(rule.metric) ? 0 : 1) == 0;
  rule.patience = static_cast<std::uint32_t>(with.integer("patience", 3, 1, 1'000'000));
  rule.min_delta = with.number("min_delta", 0.0, 0.0, 1e30);
  with.finish();
  return rule;
}

EvaluateSpec read(SpecReader& section, std::int64_t classes,
                  const std::vector<std::string_view>& known) {
  EvaluateSpec spec;
  spec.every_steps = read_every(section);
  for (std::string& metric : section.texts("metrics")) {
    if (check_metric(section, "metrics", metric, known)) spec.metrics.push_back(std::move(metric));
  }
  if (spec.metrics.empty()) {
    spec.metrics = classes > 0 ? std::vector<std::string>{"accuracy", "loss", "f1_macro"}
                               : std::vector<std::string>{"loss", "mae"};
  }
  spec.top_k = section.integer("top_k", 5, 1, EvaluationTask::most_classes);
  spec.batch = section.integer("batch", 500, 1, 1 << 20);
  spec.parts = static_cast<std::uint32_t>(section.integer("parts", 8, 1, 4096));
  constexpr std::array<std::string_view, 2> devices{"cpu", "cuda"};
  spec.device = section.choice("device", devices, 0) == 0 ? DeviceKind::cpu : DeviceKind::cuda;
  if (const std::string gate = section.text("gate", ""); section.has("gate")) {
    std::vector<std::string> problems;
    spec.gate = read_gate(gate, known, problems);
    for (std::string& problem : problems) section.problem("gate", std::move(problem));
  }
  spec.early_stopping = read_early_stopping(section, known);
  section.finish();
  return spec;
}

}  // namespace

EvaluateSpec read_evaluate(SpecReader& section, std::int64_t classes) {
  return read(section, classes, metric_names(classes));
}

void read_evaluate_of_any_task(SpecReader& section) {
  std::vector<std::string_view> known = metric_names(2);
  for (const std::string_view name : metric_names(0)) known.push_back(name);
  read(section, 2, known);
}

}  // namespace troupe::actors
