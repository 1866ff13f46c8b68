#include "tests/reference/compare.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "tests/support/doctest_std.hpp"

namespace troupe::test::reference {
namespace {

template <class T>
void check(std::span<const T> got, std::span<const double> wanted, const std::string& label,
           double tolerance) {
  REQUIRE_MESSAGE(got.size() == wanted.size(), label);
  double squares = 0;
  for (const double value : wanted) squares += value * value;
  const double rms = wanted.empty() ? 0.0 : std::sqrt(squares / static_cast<double>(wanted.size()));

  std::size_t worst = 0;
  double worst_excess = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double difference = std::abs(static_cast<double>(got[i]) - wanted[i]);
    const double allowed = tolerance * std::max(std::abs(wanted[i]), rms);
    if (difference <= allowed) continue;
    const double excess = std::isnan(difference) ? INFINITY : difference - allowed;
    if (excess <= worst_excess) continue;
    worst = i;
    worst_excess = excess;
  }
  CHECK_MESSAGE(worst_excess == 0.0, label << ": element " << worst << " of " << got.size()
                                           << ": expected " << wanted[worst] << ", got "
                                           << got[worst] << ", rms " << rms);
}

}  // namespace

void check_close(std::span<const float> got, std::span<const double> wanted,
                 const std::string& label, double tolerance) {
  check(got, wanted, label, tolerance);
}

void check_close(std::span<const double> got, std::span<const double> wanted,
                 const std::string& label, double tolerance) {
  check(got, wanted, label, tolerance);
}

}  // namespace troupe::test::reference
