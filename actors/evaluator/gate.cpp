#include "actors/evaluator/gate.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "actors/evaluator/metrics.hpp"
#include "runtime/base/nearest.hpp"
#include "runtime/parameters.hpp"

namespace troupe::actors {
namespace {

using Comparison = Gate::Comparison;

// By Comparison; those of two characters are sought first.
constexpr std::array<std::string_view, 4> signs = {">=", ">", "<=", "<"};
constexpr std::array looked_for = {Comparison::at_least, Comparison::at_most, Comparison::above,
                                   Comparison::below};

std::string_view sign_of(Comparison comparison) {
  return signs[static_cast<std::size_t>(comparison)];
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::string number(double value) {
  return runtime::to_string(runtime::ParameterValue{value});
}

std::optional<Gate::Condition> read_condition(std::string_view text,
                                              std::span<const std::string_view> known,
                                              std::vector<std::string>& problems) {
  const auto fault = [&](const std::string& what) {
    problems.push_back(what + ", got '" + std::string{text} + "'");
    return std::nullopt;
  };
  const std::size_t at = text.find_first_of("<>=!");
  for (const Comparison comparison : looked_for) {
    const std::string_view sign = sign_of(comparison);
    if (at == std::string_view::npos || !text.substr(at).starts_with(sign)) continue;
    const std::string_view metric = trimmed(text.substr(0, at));
    const std::string_view bound = trimmed(text.substr(at + sign.size()));
    const auto value = runtime::parse_parameter(runtime::ParameterType::number, bound);
    if (!value) return fault("expected a number behind " + std::string{sign});
    if (std::ranges::find(known, metric) == known.end()) {
      problems.push_back("expected a metric of this task, got '" + std::string{metric} + "'" +
                         suggestion(metric, known));
      return std::nullopt;
    }
    const double number = std::get<double>(*value);
    const bool from_below = comparison == Comparison::at_least || comparison == Comparison::above;
    if (larger_is_better(metric) && (from_below ? number > 1.0 : number < 0.0))
      return fault("expected what a metric from 0 to 1 can reach");
    return Gate::Condition{std::string{metric}, comparison, number};
  }
  return fault("expected METRIC >= NUMBER, or >, <=, <");
}

}  // namespace

bool Gate::Condition::holds(double value) const {
  switch (comparison) {
    case Comparison::at_least:
      return value >= bound;
    case Comparison::above:
      return value > bound;
    case Comparison::at_most:
      return value <= bound;
    case Comparison::below:
      return value < bound;
  }
  return false;
}

Gate read_gate(std::string_view text, std::span<const std::string_view> known,
               std::vector<std::string>& problems) {
  constexpr std::string_view joint = " and ";
  Gate gate;
  for (bool more = true; more;) {
    const std::size_t end = text.find(joint);
    more = end != std::string_view::npos;
    if (auto condition = read_condition(trimmed(text.substr(0, end)), known, problems))
      gate.conditions.push_back(*std::move(condition));
    if (more) text.remove_prefix(end + joint.size());
  }
  return gate;
}

std::string to_string(const Gate::Condition& condition) {
  return condition.metric + ' ' + std::string{sign_of(condition.comparison)} + ' ' +
         number(condition.bound);
}

std::string to_string(const Gate& gate) {
  std::string text;
  for (const Gate::Condition& condition : gate.conditions)
    text += (text.empty() ? "" : " and ") + to_string(condition);
  return text;
}

std::vector<std::string> failures(const Gate& gate, const Metrics& metrics) {
  std::vector<std::string> result;
  for (const Gate::Condition& condition : gate.conditions) {
    const double value = metrics.value(condition.metric);
    if (!condition.holds(value)) result.push_back(to_string(condition) + ", got " + number(value));
  }
  return result;
}

std::vector<std::string> worse_than(const std::vector<std::pair<std::string, double>>& served,
                                    const std::vector<std::pair<std::string, double>>& values,
                                    const std::vector<std::string>& metrics) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  const auto value_of = [](const std::vector<std::pair<std::string, double>>& of,
                           const std::string& name) {
    for (const auto& [metric, value] : of)
      if (metric == name) return value;
    return none;
  };
  std::vector<std::string> why;
  std::set<std::string> names{metrics.begin(), metrics.end()};
  if (names.empty() && !served.empty()) names.insert(served.front().first);
  for (const std::string& name : names) {
    const double old = value_of(served, name), now = value_of(values, name);
    if (std::isnan(old) || (larger_is_better(name) ? now >= old : now <= old)) continue;
    why.push_back(name + ", got " + std::to_string(now) + ", what is served has " +
                  std::to_string(old));
  }
  return why;
}

}  // namespace troupe::actors
