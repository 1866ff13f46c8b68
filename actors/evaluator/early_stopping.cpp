#include "actors/evaluator/early_stopping.hpp"

#include <cmath>

#include "runtime/base/error.hpp"

namespace troupe::actors {

StoppingDecision decide(const EarlyStopping& rule, std::span<const Measurement> measured) {
  StoppingDecision decision;
  std::uint32_t without_improvement = 0;
  for (std::size_t i = 0; i < measured.size(); ++i) {
    const auto [step, value] = measured[i];
    if (i > 0 && step <= measured[i - 1].step) {
      throw Error{ErrorCode::bad_input, "early stopping: expected steps that grow, got " +
                                            std::to_string(step) + " behind " +
                                            std::to_string(measured[i - 1].step)};
    }
    if (decision.stop) continue;
    const double best = decision.best_value;
    const bool better = !decision.best_step     ? !std::isnan(value)
                        : rule.larger_is_better ? value > best + rule.min_delta
                                                : value < best - rule.min_delta;
    if (better) {
      decision.best_step = step;
      decision.best_value = value;
      without_improvement = 0;
    } else {
      decision.stop = ++without_improvement >= rule.patience;
    }
  }
  return decision;
}

}  // namespace troupe::actors
