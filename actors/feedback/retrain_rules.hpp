#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/job/spec_reader.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::actors {

/// One reason to train again.
struct RetrainRule {
  enum class Kind : std::uint8_t {
    after,     ///< so many labels have come since the last trigger: "after: 500 labels"
    accuracy,  ///< the live accuracy is below `bound`: "accuracy < 0.95"
    drift,     ///< the largest population stability index is above `bound`: "drift > 0.2"
  };
  Kind kind = Kind::after;
  std::int64_t labels = 0;
  double bound = 0;

  bool operator==(const RetrainRule&) const = default;
};

/// As a config writes it.
std::string to_string(const RetrainRule& rule);

/// None, and `why` says what was expected, if `text` is no rule. Blanks around words and signs do not matter.
std::optional<RetrainRule> parse_rule(std::string_view text, std::string& why);

/// The section `feedback` of a config.
struct FeedbackSpec {
  std::int64_t window =
      500;  ///< labels that the live accuracy, and predictions that the drift is taken over
  std::vector<RetrainRule> when;  ///< the first that holds triggers; none: feedback is only kept
  std::int64_t minimum_labels =
      100;  ///< new ones, before a rule on accuracy or drift may hold; at most `window`
  Duration cooldown = std::chrono::minutes{10};  ///< after a trigger none holds
  std::int64_t groups = 8;  ///< of features, whose drift is looked at each for itself
};

/// A rule is a text, or what a config makes of one with a colon: {after: "500 labels"}. `window` from 1 to 1,000,000, `minimum_labels` from 1 to `window` (without it 100, or `window` if that is less),
/// `cooldown` up to 365 days, `groups` from 1 to 4096. All that is wrong becomes a problem; calls finish().
FeedbackSpec read_feedback(SpecReader& spec);

/// What the rules look at: since the last trigger, or the beginning.
struct FeedbackState {
  std::int64_t last_rowid = 0;          ///< greatest one of all feedback
  std::int64_t labels = 0;              ///< new ones since
  std::optional<double> accuracy = {};  ///< of the window
  std::int64_t window_labels = 0;       ///< that `accuracy` is taken over
  std::optional<double> drift = {};     ///< the largest one
  std::string drifted = {};             ///< what it is of
  std::optional<Duration> since_trigger = {};
};

/// To train again, on the labelled records of the feedback with a rowid <= `rowid` (JOB-7).
struct Trigger {
  std::int64_t rowid = 0;
  std::string reason;  ///< one line: the rule and the values

  bool operator==(const Trigger&) const = default;
};

/// The first rule, in the order of the config, that holds. A value that is not a number makes no rule hold, and the
/// others are still looked at. Pure.
std::optional<Trigger> due(const FeedbackState& state, const FeedbackSpec& spec);

}  // namespace troupe::actors
