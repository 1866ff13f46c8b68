#include "actors/feedback/retrain_rules.hpp"

#include <algorithm>

#include "runtime/parameters.hpp"

namespace troupe::actors {
namespace {

using Kind = RetrainRule::Kind;
using runtime::ParameterType;
using runtime::ParameterValue;

constexpr std::int64_t most_labels = 1'000'000'000;

std::string shown(double value) {
  return runtime::to_string(ParameterValue{value});
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// Takes `word` from the front of `text`, with the blanks behind it.
bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text = trimmed(text.substr(word.size()));
  return true;
}

template <class T>
std::optional<T> value_of(ParameterType type, std::string_view text) {
  const auto value = runtime::parse_parameter(type, text);
  if (!value || !std::holds_alternative<T>(*value)) return {};
  return std::get<T>(*value);
}

constexpr std::string_view forms =
    "expected \"after: 500 labels\", \"accuracy < 0.95\" or \"drift > 0.2\"";

std::optional<RetrainRule> parse_after(std::string_view text, std::string& why) {
  const std::size_t end = text.find_last_not_of("abcdefghijklmnopqrstuvwxyz");
  const std::string_view unit = end == std::string_view::npos ? text : text.substr(end + 1);
  const auto count = value_of<std::int64_t>(ParameterType::integer,
                                            trimmed(text.substr(0, text.size() - unit.size())));
  if ((unit != "labels" && unit != "label") || !count || *count < 1 || *count > most_labels) {
    why = "expected a number of labels from 1 to 1000000000, as in \"after: 500 labels\"";
    return {};
  }
  return RetrainRule{Kind::after, *count, 0};
}

std::optional<RetrainRule> parse_bound(Kind kind, std::string_view text, std::string& why) {
  const bool is_accuracy = kind == Kind::accuracy;
  if (!take(text, is_accuracy ? "<" : ">")) {
    why = is_accuracy ? "expected \"<\" behind accuracy, as in \"accuracy < 0.95\""
                      : "expected \">\" behind drift, as in \"drift > 0.2\"";
    return {};
  }
  const auto bound = value_of<double>(ParameterType::number, text);
  // An accuracy is never below 0; an index is never below 0, and in practice a few units at most.
  if (!bound || *bound <= 0 || *bound > (is_accuracy ? 1 : 1000)) {
    why = std::string{"expected a number above 0 and up to "} + (is_accuracy ? "1" : "1000") +
          ", as in \"" + (is_accuracy ? "accuracy < 0.95" : "drift > 0.2") + '"';
    return {};
  }
  return RetrainRule{kind, 0, *bound};
}

std::optional<std::string> reason(const RetrainRule& rule, const FeedbackState& state,
                                  const FeedbackSpec& spec) {
  const bool enough = state.labels >= spec.minimum_labels;
  switch (rule.kind) {
    case Kind::after:
      if (state.labels < rule.labels) return {};
      return to_string(rule) + ": " + std::to_string(state.labels) + " new labels";
    case Kind::accuracy:
      if (!enough || state.window_labels < spec.minimum_labels || !state.accuracy ||
          !(*state.accuracy < rule.bound))
        return {};
      return to_string(rule) + ": accuracy " + shown(*state.accuracy) + " over the last " +
             std::to_string(state.window_labels) + " labels";
    case Kind::drift:
      if (!enough || !state.drift || !(*state.drift > rule.bound)) return {};
      return to_string(rule) + ": drift " + shown(*state.drift) +
             (state.drifted.empty() ? "" : " of " + state.drifted);
  }
  return {};
}

}  // namespace

std::string to_string(const RetrainRule& rule) {
  switch (rule.kind) {
    case Kind::after:
      return "after: " + std::to_string(rule.labels) + (rule.labels == 1 ? " label" : " labels");
    case Kind::accuracy:
      return "accuracy < " + shown(rule.bound);
    case Kind::drift:
      return "drift > " + shown(rule.bound);
  }
  return {};
}

std::optional<RetrainRule> parse_rule(std::string_view text, std::string& why) {
  std::string_view rest = trimmed(text);
  if (take(rest, "after") && take(rest, ":")) return parse_after(rest, why);
  rest = trimmed(text);
  if (take(rest, "accuracy")) return parse_bound(Kind::accuracy, rest, why);
  if (take(rest, "drift")) return parse_bound(Kind::drift, rest, why);
  why = forms;
  return {};
}

namespace {

/// A rule as a text. YAML takes `after: 500 labels` for a map.
std::string rule_text(SpecReader item) {
  if (!item.is_map()) return item.scalar().value_or(item.json());
  const std::string count = item.text("after");
  item.finish();
  return "after: " + count;
}

}  // namespace

FeedbackSpec read_feedback(SpecReader& spec) {
  using namespace std::chrono_literals;
  FeedbackSpec result;
  result.window = spec.integer("window", result.window, 1, 1'000'000);
  std::vector<std::string> when;
  for (const SpecReader& item : spec.values("when")) when.push_back(rule_text(item));
  for (std::size_t i = 0; i < when.size(); ++i) {
    std::string why;
    if (const auto rule = parse_rule(when[i], why)) {
      if (std::ranges::find(result.when, *rule) != result.when.end())
        spec.problem("when", "the rule \"" + when[i] + "\" stands there twice");
      result.when.push_back(*rule);
    } else {
      spec.problem("when", why + ", got \"" + when[i].substr(0, 60) + '"');
    }
  }
  if (when.size() > 100)
    spec.problem("when", "expected at most 100 rules, got " + std::to_string(when.size()));
  result.minimum_labels =
      spec.integer("minimum_labels", std::min<std::int64_t>(100, result.window), 1, result.window);
  result.cooldown = spec.duration("cooldown", result.cooldown, 0s, std::chrono::hours{24 * 365});
  result.groups = spec.integer("groups", result.groups, 1, 4096);
  spec.finish();
  return result;
}

std::optional<Trigger> due(const FeedbackState& state, const FeedbackSpec& spec) {
  if (state.since_trigger && *state.since_trigger < spec.cooldown) return {};
  for (const RetrainRule& rule : spec.when) {
    if (auto why = reason(rule, state, spec)) return Trigger{state.last_rowid, *std::move(why)};
  }
  return {};
}

}  // namespace troupe::actors
