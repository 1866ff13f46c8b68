#include "actors/evaluator/gate.hpp"

#include <limits>

#include "actors/evaluator/metrics.hpp"
#include "runtime/base/error.hpp"

using namespace troupe;
using namespace troupe::actors;
using Comparison = Gate::Comparison;

namespace {

const std::vector<std::string_view> known = metric_names(3);

Gate read(std::string_view text) {
  std::vector<std::string> problems;
  Gate gate = read_gate(text, known, problems);
  CAPTURE(text);
  CHECK(problems.empty());
  return gate;
}

std::vector<std::string> problems_of(std::string_view text) {
  std::vector<std::string> problems;
  read_gate(text, known, problems);
  return problems;
}

Metrics measured(double accuracy, double loss) {
  Metrics metrics;
  metrics.values = {{"accuracy", accuracy}, {"loss", loss}};
  return metrics;
}

}  // namespace

TEST_CASE("gate: conditions are read, and written as they were read") {
  const Gate gate = read("accuracy >= 0.97 and  f1_macro>0.9 and loss <= 0.1 and log_loss < 1e-3");
  REQUIRE(gate.conditions.size() == 4);
  CHECK(gate.conditions[0] == Gate::Condition{"accuracy", Comparison::at_least, 0.97});
  CHECK(gate.conditions[1] == Gate::Condition{"f1_macro", Comparison::above, 0.9});
  CHECK(gate.conditions[2] == Gate::Condition{"loss", Comparison::at_most, 0.1});
  CHECK(gate.conditions[3] == Gate::Condition{"log_loss", Comparison::below, 0.001});
  CHECK(read(to_string(gate)) == gate);
}

TEST_CASE("gate: what does not fit is said, and never passed over") {
  CHECK(problems_of("acuracy >= 0.9") ==
        std::vector<std::string>{
            "expected a metric of this task, got 'acuracy' (did you mean 'accuracy'?)"});
  CHECK(problems_of("accuracy >= high") ==
        std::vector<std::string>{"expected a number behind >=, got 'accuracy >= high'"});
  for (const char* text : {"", "accuracy", "accuracy = 0.9", "accuracy == 0.9", "accuracy != 0.9",
                           ">= 0.9", "accuracy >= 0.9 and", "and accuracy >= 0.9",
                           "accuracy >= 0.9 or loss < 1", "accuracy >= nan", "accuracy >= inf",
                           "accuracy => 0.9", "accuracy >= 0.9 and and loss < 1", "mse < 1"}) {
    CAPTURE(text);
    CHECK(!problems_of(text).empty());
  }
}

TEST_CASE("gate: a bound that a share cannot reach is told before anything is trained") {
  std::vector<std::string> problems;
  read_gate("accuracy >= 97", known, problems);
  CHECK(problems == std::vector<std::string>{
                        "expected what a metric from 0 to 1 can reach, got 'accuracy >= 97'"});
  problems.clear();
  read_gate("accuracy > 1 and loss <= 97 and f1_macro >= 0", known, problems);
  CHECK(problems.empty());
  read_gate("f1_macro < -0.5", known, problems);
  CHECK(problems.size() == 1);
}

TEST_CASE("gate: all conditions must hold, each at its border") {
  const Gate gate = read("accuracy >= 0.9 and loss < 0.5");
  CHECK(failures(gate, measured(0.9, 0.4)).empty());
  CHECK(failures(gate, measured(0.8, 0.4)) == std::vector<std::string>{"accuracy >= 0.9, got 0.8"});
  CHECK(failures(gate, measured(0.8, 0.5)).size() == 2);
  CHECK(failures(read("accuracy > 0.9"), measured(0.9, 0)).size() == 1);
  CHECK(failures(read("loss <= 0.5"), measured(0, 0.5)).empty());
  CHECK(failures(Gate{}, measured(0, 9)).empty());
}

TEST_CASE("gate: NaN passes nothing") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  for (const char* text : {"accuracy >= 0", "accuracy > -1", "accuracy <= 2", "accuracy < 2"}) {
    CAPTURE(text);
    CHECK(failures(read(text), measured(nan, 0)).size() == 1);
  }
}
