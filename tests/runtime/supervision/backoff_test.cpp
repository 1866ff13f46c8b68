#include "runtime/supervision/backoff.hpp"

#include <chrono>
#include <cstdint>

using namespace std::chrono_literals;
using troupe::Duration;
using troupe::runtime::Backoff;
using troupe::runtime::backoff_delay;
using troupe::runtime::jitter_share;

TEST_CASE("Backoff: grows by the factor up to the limit, to the nanosecond (SUP-7)") {
  const Backoff backoff{100ms, 30s, 2.0, 0.0};
  Duration wanted = 100ms;
  for (std::uint32_t n = 0; n < 9; ++n, wanted *= 2)
    CHECK(backoff_delay(backoff, n, 0.5) == wanted);
  CHECK(backoff_delay(backoff, 8, 0.5) == 25'600ms);
  for (const std::uint32_t n : {9U, 10U, 1000U, ~0U}) CHECK(backoff_delay(backoff, n, 0.5) == 30s);
  CHECK(backoff_delay({10ns, 1s, 1.5, 0.0}, 3, 0.0) == 33ns);  // 33.75
  CHECK(backoff_delay({5ms, 1s, 1.0, 0.0}, ~0U, 0.0) == 5ms);
}

TEST_CASE("Backoff: a first delay of 0 stays 0, one above the limit is the limit") {
  for (const std::uint32_t n : {0U, 1U, 5000U})
    CHECK(backoff_delay({0ms, 30s, 2.0, 0.2}, n, 0.9) == 0ms);
  CHECK(backoff_delay({40s, 30s, 2.0, 0.0}, 0, 0.0) == 30s);
  CHECK(backoff_delay({1ns, Duration::max(), 1e300, 1.0}, 2, 0.0) == Duration::max());
}

TEST_CASE("Backoff: jitter takes off its share of the delay, never more") {
  const Backoff backoff{100ms, 30s, 2.0, 0.2};
  CHECK(backoff_delay(backoff, 1, 0.0) == 200ms);
  CHECK(backoff_delay(backoff, 1, 0.5) == 180ms);
  CHECK(backoff_delay(backoff, 1, 1 - 0x1p-53) >= 160ms);
  CHECK(backoff_delay({1s, 1s, 2.0, 1.0}, 0, 1 - 0x1p-53) >= 0ns);
  CHECK(backoff_delay({Duration::max(), Duration::max(), 2.0, 1.0}, 0, 1 - 0x1p-53) >= 0ns);
}

TEST_CASE("Jitter: is one number for each seed, child and restart") {
  CHECK(jitter_share(7, "loader", 3) == jitter_share(7, "loader", 3));
  CHECK(jitter_share(7, "loader", 3) != jitter_share(8, "loader", 3));
  CHECK(jitter_share(7, "loader", 3) != jitter_share(7, "loaded", 3));
  CHECK(jitter_share(7, "loader", 3) != jitter_share(7, "loader", 4));
  CHECK(jitter_share(7, "loader", 3) != jitter_share(7, "loader", 3 + (std::uint64_t{1} << 32)));
  double total = 0;
  for (std::uint64_t restart = 0; restart < 1000; ++restart) {
    const double share = jitter_share(7, "loader", restart);
    REQUIRE(share >= 0);
    REQUIRE(share < 1);
    total += share;
  }
  CHECK(total / 1000 == doctest::Approx(0.5).epsilon(0.1));  // 5 standard deviations: 0.046
}
