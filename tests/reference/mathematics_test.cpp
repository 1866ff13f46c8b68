#include "tests/reference/optimizers.hpp"

#include "gpu/cpu_device.hpp"
#include "gpu/nn/state_layout.hpp"
#include "tests/reference/activations.hpp"
#include "tests/reference/compare.hpp"
#include "tests/reference/dense.hpp"
#include "tests/reference/losses.hpp"
#include "tests/reference/updater_run.hpp"

using namespace troupe::test::reference;
using troupe::gpu::Activation;
namespace nn = troupe::gpu::nn;

namespace {

struct Descent {
  double objective;
  Values weights;  ///< after the step
};

// J(w) = Σ (y - σ(w·x))² over two samples, x = (1, 2) with y = 1 and x = (1, -1) with y = 0, from w = (0, 0) at
// rate 1. dJ/dw = Σ d x with d = -2 (y - p) p (1 - p), p = σ(w·x). By hand:
//
//   step 0  w·x 0    p 0.5           d -2 · 0.5 · 0.25 = -0.25
//           w·x 0    p 0.5           d  2 · 0.5 · 0.25 =  0.25
//           J 0.25 + 0.25, dJ/dw = (-0.25 + 0.25, 2 · -0.25 - 0.25) = (0, -0.75), w = (0, 0.75)
//   step 1  w·x 1.5    p 0.8175744762  d -2 · 0.1824255238 · 0.1491464521 = -0.0544162393
//           w·x -0.75  p 0.3208213008  d  2 · 0.3208213008 · 0.2178949938 =  0.1398107107
//           J 0.0332790717 + 0.1029263070, dJ/dw = (0.0853944714, -0.2486431893)
//           w = (-0.0853944714, 0.9986431893)
//   step 2  w·x 1.9118919071   p 0.8712315446  d -0.0288923295
//           w·x -1.0840376607  p 0.2527426876  d  0.0954678997
//           J 0.0165813151 + 0.0638788661, dJ/dw = (0.0665755701, -0.1532525587)
//           w = (-0.1519700415, 1.1518957480)
const std::vector<Descent> by_hand = {
    {0.5, {0.0, 0.75}},
    {0.1362053788, {-0.0853944714, 0.9986431893}},
    {0.0804601812, {-0.1519700415, 1.1518957480}},
};

}  // namespace

TEST_CASE("Mathematics: gradient descent on the squared error of a sigmoid, worked by hand") {
  const Values x = {1, 2, 1, -1}, y = {1, 0};
  Optimizer descent{{nn::Sgd{}, {}}, {0, 0}, {true, true}};
  for (const Descent& expected : by_hand) {
    const Values p = dense({2, 2, 1, false, Activation::sigmoid}, x, descent.parameters(), {});
    const Loss loss = mean_squared_error({2, 1}, 2, p, y);
    const Values d = activate_backward(Activation::sigmoid, p, loss.gradient);
    descent.step(dense_backward_weights({2, 2, 1, false}, x, d).weight, 1, 1.0);
    check_close(Values{loss.sum}, Values{expected.objective}, "objective", 1e-9);
    check_close(descent.parameters(), expected.weights, "weights", 1e-9);
  }
}

TEST_CASE("Mathematics: the CPU's updater descends as by hand") {
  const Values x = {1, 2, 1, -1}, y = {1, 0};
  const nn::OptimizerSpec spec{nn::Sgd{}, {}};
  const auto cpu = troupe::gpu::make_cpu_device();
  UpdaterRun descent{*cpu, nn::make_state_layout({{"w", {2}}}, {}, {}), spec, {0, 0}};
  for (const Descent& expected : by_hand) {
    const Values p = dense({2, 2, 1, false, Activation::sigmoid}, x, descent.parameters(), {});
    const Loss loss = mean_squared_error({2, 1}, 2, p, y);
    const Values d = activate_backward(Activation::sigmoid, p, loss.gradient);
    descent.step(dense_backward_weights({2, 2, 1, false}, x, d).weight, 1, 1.0);
    check_close(Values{loss.sum}, Values{expected.objective}, "objective");
    check_close(descent.parameters(), expected.weights, "weights");
  }
}

// β1 = 1/2, β2 = 3/4, ε = 1/2 (outside of the root), rate 0.1, from p = 1:
//
//   g  1   m  1/2   v   1/4    m̂  1    v̂ 1        p -= 0.1 · 1 / (1 + 0.5)                    p = 0.9333333333
//   g -3   m -5/4   v  39/16   m̂ -5/3  v̂ 39/7     p += 0.1 · 1.6666666667 / (2.3603873774 + 0.5)  p = 0.9916004995
//   g  2   m  3/8   v 181/64   m̂  3/7  v̂ 181/37   p -= 0.1 · 0.4285714286 / (2.2117621689 + 0.5)  p = 0.9757963323
TEST_CASE("Mathematics: Adam with bias correction, worked by hand") {
  const nn::OptimizerSpec spec{nn::Adam{0.5, 0.75, 0.5, 0.0}, {}};
  Optimizer adam{spec, {1.0}, {true}};
  const auto cpu = troupe::gpu::make_cpu_device();
  UpdaterRun updater{
      *cpu, nn::make_state_layout({{"p", {1}}}, {}, nn::state_names(spec)), spec, {1.0}};
  const Values gradients = {1, -3, 2}, m = {0.5, -1.25, 0.375}, v = {0.25, 2.4375, 2.828125},
               p = {0.9333333333, 0.9916004995, 0.9757963323};
  for (std::size_t t = 0; t < 3; ++t) {
    adam.step({gradients[t]}, 1, 0.1);
    CHECK(adam.state(0)[0] == m[t]);
    CHECK(adam.state(1)[0] == v[t]);
    check_close(adam.parameters(), Values{p[t]}, "parameter", 1e-9);
    updater.step({gradients[t]}, 1, 0.1);
    check_close(updater.state(0), Values{m[t]}, "the updater's first moment");
    check_close(updater.state(1), Values{v[t]}, "the updater's second moment");
    check_close(updater.parameters(), Values{p[t]}, "the updater's parameter");
  }
}

TEST_CASE("Mathematics: Adam's first step is the rate, whatever the gradient's size") {
  Optimizer adam{{nn::Adam{}, {}}, {0, 0, 0}, {true, true, true}};
  adam.step({1e-3, -1.0, 1e3}, 1, 0.01);
  check_close(adam.parameters(), Values{-0.01, 0.01, -0.01}, "first step", 1e-4);
}

// Of p = 2 with g = 1 at rate 0.1. The sum 4 over 4 rows is the gradient 1.
TEST_CASE("Mathematics: the other algorithms, worked by hand") {
  const auto run = [](const nn::OptimizerSpec& spec, int steps, bool decays = true) {
    Optimizer optimizer{spec, {2.0}, {decays}};
    for (int t = 0; t < steps; ++t) optimizer.step({4.0}, 4, 0.1);
    return optimizer.parameters();
  };
  check_close(run({nn::Sgd{}, {}}, 2), Values{1.8}, "SGD", 1e-12);
  // v: 1, then 1.5.
  check_close(run({nn::Sgd{0.5, false, 0.0}, {}}, 2), Values{1.75}, "momentum", 1e-12);
  // g + v / 2: 1.5, then 1.75.
  check_close(run({nn::Sgd{0.5, true, 0.0}, {}}, 2), Values{1.675}, "Nesterov", 1e-12);
  // g + 0.25 · 2 = 1.5.
  check_close(run({nn::Sgd{0.0, false, 0.25}, {}}, 1), Values{1.85}, "decay", 1e-12);
  check_close(run({nn::Sgd{0.0, false, 0.25}, {}}, 1, false), Values{1.9}, "no decay", 1e-12);
  // a: 1, then 2; the steps 1/(1 + 1), 1/(1.4142135624 + 1).
  check_close(run({nn::Adagrad{1.0, 0.0}, {}}, 2), Values{2 - 0.05 - 0.0414213562}, "Adagrad",
              1e-9);
  // The step 1 / (1 + 1), and beside it the decay 0.25 · 2, both times the rate.
  check_close(run({nn::AdamW{0.9, 0.999, 1.0, 0.25}, {}}, 1), Values{1.9}, "AdamW", 1e-12);
  // With the decay inside, g = 1.5: 1.5 / (1.5 + 1).
  check_close(run({nn::Adam{0.9, 0.999, 1.0, 0.25}, {}}, 1), Values{1.94}, "Adam", 1e-12);
}

TEST_CASE("Mathematics: clipping scales the mean gradient down to the norm, and never up") {
  // The mean of (6, 8) over 2 rows is (3, 4), of norm 5.
  Optimizer clipped{{nn::Sgd{}, 1.0}, {0, 0}, {true, true}};
  clipped.step({6, 8}, 2, 1.0);
  check_close(clipped.parameters(), Values{-0.6, -0.8}, "clipped", 1e-12);
  Optimizer free{{nn::Sgd{}, 6.0}, {0, 0}, {true, true}};
  free.step({6, 8}, 2, 1.0);
  CHECK(free.parameters() == Values{-3, -4});
}
