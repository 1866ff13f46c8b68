#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::actors {

struct Metrics;

/// What a version must reach to be deployed: "accuracy >= 0.97 and loss <= 0.1". Without conditions all pass.
struct Gate {
  enum class Comparison : std::uint8_t { at_least, above, at_most, below };
  struct Condition {
    std::string metric;
    Comparison comparison = Comparison::at_least;
    double bound = 0;

    /// NaN holds to nothing.
    bool holds(double value) const;
    bool operator==(const Condition&) const = default;
  };

  std::vector<Condition> conditions;

  bool operator==(const Gate&) const = default;
};

/// Reads conditions "METRIC >= NUMBER" (also >, <=, <), joined by " and ". What does not fit is added to `problems`, a
/// line each: an unknown metric with the nearest one of `known`.
Gate read_gate(std::string_view text, std::span<const std::string_view> known,
               std::vector<std::string>& problems);

/// As it would be written, each number as the shortest text that reads back as the same bits.
std::string to_string(const Gate::Condition& condition);
std::string to_string(const Gate& gate);

/// Why the version does not pass, a line for each condition that does not hold: "accuracy >= 0.97, got 0.95". Empty: it
/// passes. @throws Error bad_input for a metric that is not measured.
std::vector<std::string> failures(const Gate& gate, const Metrics& metrics);

/// Why a version is worse than another on the same records, a line for each metric in which it is: those that the gate
/// is about, or else the first of `served`.
std::vector<std::string> worse_than(const std::vector<std::pair<std::string, double>>& served,
                                    const std::vector<std::pair<std::string, double>>& values,
                                    const std::vector<std::string>& metrics);

}  // namespace troupe::actors
