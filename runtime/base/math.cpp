#include "runtime/base/math.hpp"

#include "runtime/base/math_inline.hpp"

namespace troupe::math {

double exp(double x) noexcept {
  return exp_inline(x);
}

double tanh(double x) noexcept {
  return tanh_inline(x);
}

double erf(double x) noexcept {
  return erf_inline(x);
}

double log(double x) noexcept {
  return log_inline(x);
}

double log1p(double x) noexcept {
  const double size = parts::absolute(x);
  if (size < parts::smallest_normal) return parts::with_sign(0.0, x);
  if (size < 0x1p-54) return x;
  const double sum = 1.0 + x;
  if (!(sum > 0.0 && sum < parts::infinity)) return log(sum);
  // What the sum lost comes back to first order: log(sum + lost) = log(sum) + lost / sum + ...
  const double lost = size < 1.0 ? x - (sum - 1.0) : 1.0 - (sum - x);
  return log(sum) + lost / sum;
}

}  // namespace troupe::math
