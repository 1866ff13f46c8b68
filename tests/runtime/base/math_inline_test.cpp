#include "runtime/base/math_inline.hpp"

#include "runtime/base/math.hpp"

namespace math = troupe::math;

TEST_CASE(
    "Math: the functions for loops have the bits of the others, whatever the compiler vectorises") {
  std::mt19937_64 random{21};
  std::vector<double> x;
  for (int k = 0; k < 4001; ++k) {
    x.push_back(std::bit_cast<double>(random()));
    x.push_back((static_cast<double>(random() >> 11) * 0x1p-53 - 0.5) * 14);
  }
  x.insert(x.end(), {0.0, -0.0, std::numeric_limits<double>::infinity(),
                     std::numeric_limits<double>::quiet_NaN()});
  std::vector<double> exp(x.size()), tanh(x.size()), erf(x.size());
  for (std::size_t k = 0; k < x.size(); ++k) exp[k] = math::exp_inline(x[k]);
  for (std::size_t k = 0; k < x.size(); ++k) tanh[k] = math::tanh_inline(x[k]);
  for (std::size_t k = 0; k < x.size(); ++k) erf[k] = math::erf_inline(x[k]);
  const auto same = [](double a, double b) {
    return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
  };
  for (std::size_t k = 0; k < x.size(); ++k) {
    REQUIRE(same(exp[k], math::exp(x[k])));
    REQUIRE(same(tanh[k], math::tanh(x[k])));
    REQUIRE(same(erf[k], math::erf(x[k])));
  }
}
