#include "tests/reference/activations.hpp"

#include "tests/reference/compare.hpp"
#include "tests/reference/finite_differences.hpp"

using namespace troupe::test::reference;
using troupe::gpu::Activation;

TEST_CASE("Reference activations: known values") {
  // gelu's tanh form at 1: 0.5 (1 + tanh(0.7978845608 · 1.044715)) = 0.5 (1 + tanh(0.8335619689)).
  check_close(Values{activate(Activation::gelu, 1.0)}, Values{0.8411919906}, "gelu", 1e-9);
  check_close(Values{activate(Activation::silu, 1.0)}, Values{0.7310585786}, "silu", 1e-9);
  check_close(Values{activate(Activation::sigmoid, -2.0)}, Values{0.1192029220}, "sigmoid", 1e-9);
  check_close(Values{activate(Activation::tanh, 0.5)}, Values{0.4621171573}, "tanh", 1e-9);
  CHECK(activate(Activation::relu, -3.0) == 0.0);
  CHECK(activate(Activation::none, -3.0) == -3.0);
}

TEST_CASE("Reference activations: derivatives agree with finite differences") {
  const Values x = {-6.0, -2.5, -1.0, -0.3, -0.01, 0.02, 0.4, 1.0, 3.0, 7.0};
  const Values dy = random_values(x.size(), 1);
  for (const Activation activation : all_activations) {
    const std::string label = to_string(activation);
    const bool by_output = differentiable_from_output(activation);
    const Values dx = activate_backward(activation, by_output ? activate(activation, x) : x, dy);
    check_gradient([&](const Values& at) { return dot(activate(activation, at), dy); }, x, dx,
                   label);
    for (std::size_t i = 0; i < x.size(); ++i) {
      check_close(Values{derivative(activation, x[i]) * dy[i]}, Values{dx[i]}, label, 1e-9);
    }
  }
}
