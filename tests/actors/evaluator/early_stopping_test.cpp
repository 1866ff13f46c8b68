#include "actors/evaluator/early_stopping.hpp"

#include <limits>

#include "runtime/base/error.hpp"

using namespace troupe;
using namespace troupe::actors;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// Of values measured at steps 10, 20, …
StoppingDecision decide_on(const EarlyStopping& rule, const std::vector<double>& values) {
  std::vector<Measurement> measured;
  for (const double value : values) measured.push_back({10 * (measured.size() + 1), value});
  return decide(rule, measured);
}

}  // namespace

TEST_CASE("early stopping: goes on while values improve, stops after `patience` that do not") {
  const EarlyStopping rule{"accuracy", true, 2, 0.0};
  CHECK(!decide_on(rule, {}).stop);
  CHECK(!decide_on(rule, {0.5, 0.6, 0.6}).stop);
  const StoppingDecision stopped = decide_on(rule, {0.5, 0.7, 0.6, 0.7});
  CHECK(stopped.stop);
  CHECK(stopped.best_step == 20);
  CHECK(stopped.best_value == 0.7);
  CHECK(!decide_on(rule, {0.5, 0.7, 0.6, 0.8, 0.7}).stop);
}

TEST_CASE("early stopping: an improvement is more than min_delta, in the direction of the mode") {
  CHECK(decide_on({"loss", false, 1, 0.1}, {1.0, 0.95}).stop);
  CHECK(decide_on({"loss", false, 1, 0.1}, {1.0, 0.95}).best_step == 10);
  CHECK(!decide_on({"loss", false, 1, 0.1}, {1.0, 0.8}).stop);
  CHECK(decide_on({"loss", false, 1, 0.0}, {1.0, 1.1}).stop);
  CHECK(!decide_on({"accuracy", true, 1, 0.0}, {1.0, 1.1}).stop);
}

TEST_CASE("early stopping: what is measured behind the end changes nothing") {
  const EarlyStopping rule{"accuracy", true, 1, 0.0};
  const StoppingDecision decision = decide_on(rule, {0.5, 0.4, 0.9, 0.95});
  CHECK(decision.stop);
  CHECK(decision.best_step == 10);
  CHECK(decision.best_value == 0.5);
}

TEST_CASE("early stopping: NaN improves on nothing") {
  const EarlyStopping rule{"loss", false, 2, 0.0};
  CHECK(decide_on(rule, {1.0, not_a_number, not_a_number}).best_step == 10);
  CHECK(decide_on(rule, {1.0, not_a_number, not_a_number}).stop);
  const StoppingDecision none = decide_on(rule, {not_a_number, not_a_number});
  CHECK(none.stop);
  CHECK(!none.best_step.has_value());
  CHECK(decide_on(rule, {not_a_number, 3.0}).best_step == 20);
}

TEST_CASE("early stopping: steps that do not grow are refused") {
  const std::array<Measurement, 2> measured{Measurement{5, 1.0}, Measurement{5, 2.0}};
  CHECK_THROWS_AS(decide({"loss", false, 1, 0.0}, measured), Error);
}
