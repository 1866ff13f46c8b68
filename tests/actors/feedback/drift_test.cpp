#include "actors/feedback/drift.hpp"

#include <limits>

#include "runtime/base/error.hpp"
#include "tests/support/error_code.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::test;

namespace {

using Counts = std::vector<std::int64_t>;

void add(DriftWindow& window, float first, float second, std::int64_t predicted) {
  const std::array<float, 2> row{first, second};
  window.add(std::as_bytes(std::span{row}), RowType::f32, predicted);
}

const DriftReference reference{2, {{{0}, {2, 2}}, {{0}, {2, 2}}}, {3, 1}};

}  // namespace

TEST_CASE("population_stability_index: values computed by hand") {
  CHECK(population_stability_index(Counts{5, 5}, Counts{5, 5}) == 0);
  // Shares 3.5/4 and 0.5/4 against 2.5/5 and 2.5/5: 3/8 ln(7/4) - 3/8 ln(1/4) = 3/8 ln 7.
  const double by_hand = 0.375 * 1.945910149055313;
  CHECK(population_stability_index(Counts{3, 0}, Counts{2, 2}) ==
        doctest::Approx(by_hand).epsilon(1e-14));
  // Symmetric, and finite for bins that are empty on either side.
  CHECK(population_stability_index(Counts{2, 2}, Counts{3, 0}) ==
        doctest::Approx(by_hand).epsilon(1e-14));
  // Three bins, by the formula.
  CHECK(population_stability_index(Counts{16, 33, 16}, Counts{50, 50, 50}) ==
        doctest::Approx([] {
          const double all = 66.5, p = 16.5 / all, q = 33.5 / all, third = 1.0 / 3;
          return 2 * (p - third) * std::log(p / third) + (q - third) * std::log(q / third);
        }())
            .epsilon(1e-13));
  // Without the half counts this one, a usual example, is 0.0405 = 0.1 ln(0.6/0.5) - 0.1 ln(0.4/0.5).
  CHECK(population_stability_index(Counts{600'000, 400'000}, Counts{500'000, 500'000}) ==
        doctest::Approx(0.1 * 0.1823215567939546 + 0.1 * 0.2231435513142098).epsilon(1e-5));
  CHECK(code_of([] { population_stability_index(Counts{}, Counts{}); }) == ErrorCode::bad_input);
  CHECK(code_of([] {
          population_stability_index(Counts{1}, Counts{1, 2});
        }) == ErrorCode::bad_input);
}

TEST_CASE(
    "DriftWindow: it is compared by group and by predicted class, once it is full, and rolls") {
  DriftWindow window{reference, 4};
  for (int i = 0; i < 3; ++i) add(window, -1, -1, 0);
  CHECK(window.values() == std::nullopt);
  add(window, -1, 1, 0);
  auto values = window.values();
  REQUIRE(values.has_value());
  CHECK(values->groups[0] == population_stability_index(Counts{4, 0}, Counts{2, 2}));
  CHECK(values->groups[1] == population_stability_index(Counts{3, 1}, Counts{2, 2}));
  CHECK(values->classes == population_stability_index(Counts{4, 0}, Counts{3, 1}));
  const auto largest = values->largest(2);
  REQUIRE(largest.has_value());
  CHECK(largest->value == values->groups[0]);
  CHECK(largest->whose == "features 0 to 0");
  add(window, 1, 1, 1);
  add(window, 1, 1, 1);  // what is left: (-1, -1), (-1, 1), (1, 1), (1, 1)
  values = window.values();
  CHECK(values->groups[0] == 0);
  CHECK(values->groups[1] == population_stability_index(Counts{1, 3}, Counts{2, 2}));
  CHECK(values->classes == population_stability_index(Counts{2, 2}, Counts{3, 1}));
  window.start_anew();
  CHECK(window.values() == std::nullopt);
  for (int i = 0; i < 4; ++i) add(window, i % 2 ? 1 : -1, i % 2 ? 1 : -1, i == 3);
  CHECK(window.values()->largest(2)->value == 0);
}

TEST_CASE("DriftWindow: a value that is not finite neither triggers nor covers") {
  DriftWindow window{reference, 2};
  const float nan = std::numeric_limits<float>::quiet_NaN();
  add(window, 1, 1, 0);
  add(window, nan, -1, 0);
  add(window, -1, std::numeric_limits<float>::infinity(), 0);
  CHECK(window.size() == 1);
  CHECK(window.not_finite() == 2);
  add(window, 1, 1, 0);
  CHECK(window.values()->groups[0] == population_stability_index(Counts{0, 2}, Counts{2, 2}));
  const double not_a_number = std::numeric_limits<double>::quiet_NaN();
  CHECK(DriftValues{{not_a_number, 0.5}, not_a_number}.largest(2)->value == 0.5);
  CHECK(DriftValues{{not_a_number}, {}}.largest(2) == std::nullopt);
}

TEST_CASE("DriftWindow: a row of another size and a window of nothing are refused") {
  DriftWindow window{reference, 2};
  const std::array<std::byte, 3> row{};
  CHECK(code_of([&] { window.add(row, RowType::u8, 0); }) == ErrorCode::bad_input);
  CHECK(code_of([] { DriftWindow{reference, 0}; }) == ErrorCode::bad_input);
}
