#include <cstdint>

#include "runtime/base/math.hpp"
#include "runtime/base/trigonometry_inline.hpp"

namespace troupe::math {
namespace {

double sin_turned(double x, std::uint64_t quarter_turns) {
  if (!(parts::absolute(x) < parts::infinity)) return parts::not_a_number;
  return parts::sin_turned(parts::reduce(x), quarter_turns);
}

}  // namespace

double sin(double x) noexcept {
  if (parts::absolute(x) < parts::smallest_normal) return parts::with_sign(0.0, x);
  return sin_turned(x, 0);
}

double cos(double x) noexcept {
  return sin_turned(x, 1);
}

}  // namespace troupe::math
