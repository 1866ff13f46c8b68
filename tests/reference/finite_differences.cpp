#include "tests/reference/finite_differences.hpp"

#include "tests/reference/compare.hpp"

namespace troupe::test::reference {

void check_gradient(const std::function<double(const Values&)>& function, const Values& at,
                    const Values& gradient, const std::string& label) {
  constexpr double step = 0x1p-16;
  Values point = at, slopes(at.size());
  for (std::size_t i = 0; i < at.size(); ++i) {
    point[i] = at[i] + step;
    const double above = function(point);
    point[i] = at[i] - step;
    slopes[i] = (above - function(point)) / (2 * step);
    point[i] = at[i];
  }
  check_close(gradient, slopes, label + " by finite differences", 1e-6);
}

}  // namespace troupe::test::reference
