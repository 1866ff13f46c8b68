#include "gpu/nn/optimizer.hpp"

#include <limits>
#include <string>
#include <vector>

#include "runtime/base/error.hpp"

using troupe::Error;
using namespace troupe::gpu::nn;
using Names = std::vector<std::string>;

TEST_CASE("Optimizer: each algorithm names what it keeps") {
  CHECK(state_names({Sgd{}, {}}).empty());
  CHECK(state_names({Sgd{0.9, true, 0.0}, {}}) == Names{"velocity"});
  CHECK(state_names({Adagrad{}, {}}) == Names{"accumulator"});
  CHECK(state_names({Adam{}, {}}) == Names{"moment1", "moment2"});
  CHECK(state_names({AdamW{}, {}}) == Names{"moment1", "moment2"});
}

TEST_CASE("Optimizer: defaults pass their check") {
  CHECK_NOTHROW(check({Sgd{}, {}}));
  CHECK_NOTHROW(check({Sgd{0.9, true, 1e-4}, 1.0}));
  CHECK_NOTHROW(check({Adagrad{}, {}}));
  CHECK_NOTHROW(check({Adam{}, {}}));
  CHECK_NOTHROW(check({AdamW{}, {}}));
}

TEST_CASE("Optimizer: one error names every value that is out of its range") {
  CHECK_THROWS_WITH_AS(check({Adam{1.0, -0.5, 0.0, -1.0}, 0.0}),
                       "optimizer: beta1: expected a value in [0, 1), got 1; "
                       "beta2: expected a value in [0, 1), got -0.5; "
                       "epsilon: expected 1e-30 or more, got 0; "
                       "weight_decay: expected 0 or more, got -1; "
                       "clip_norm: expected more than 0, got 0",
                       Error);
  CHECK_THROWS_WITH_AS(check({Sgd{0.0, true, 0.0}, {}}),
                       "optimizer: momentum: expected more than 0 with nesterov, got 0", Error);
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(check({Sgd{nan, false, 0.0}, {}}), Error);
  CHECK_THROWS_AS(check({Sgd{1.0, false, 0.0}, {}}), Error);
  CHECK_THROWS_AS(check({Adagrad{nan, 0.0}, {}}), Error);
  CHECK_THROWS_AS(check({Adagrad{1e-31, 0.0}, {}}), Error);
  CHECK_THROWS_AS(check({AdamW{0.9, 0.999, 1e-8, nan}, {}}), Error);
  CHECK_THROWS_AS(check({Sgd{}, std::numeric_limits<double>::infinity()}), Error);
}
