#include "runtime/base/random.hpp"

#include "runtime/base/error.hpp"

using troupe::Draw4;
using troupe::draw_bits;
using troupe::Draws;
using troupe::Error;
using troupe::philox4x32_10;
using troupe::PhiloxKey;
using troupe::Purpose;

TEST_CASE("Philox: gives the known answers published with Random123") {
  CHECK(philox4x32_10({0, 0}, {0, 0, 0, 0}) ==
        Draw4{0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8});
  CHECK(philox4x32_10({~0U, ~0U}, {~0U, ~0U, ~0U, ~0U}) ==
        Draw4{0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD});
  CHECK(philox4x32_10({0xA4093822, 0x299F31D0}, {0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344}) ==
        Draw4{0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1});
  static_assert(philox4x32_10({0, 0}, {0, 0, 0, 0})[0] == 0x6627E8D5);
}

TEST_CASE("Draws: are keyed by seed, position, purpose, layer and element div 4 (JOB-3)") {
  const std::uint64_t seed = 0x299F31D0A4093822;
  const std::uint64_t position = 0x0370734413198A2E;
  const std::uint32_t layer = 0xA308D3;
  // purpose 4, so word 1 is 04A308D3; element 4 * 243F6A88 + 2 is word 2 of block 243F6A88.
  const Draw4 block =
      philox4x32_10({0xA4093822, 0x299F31D0}, {0x243F6A88, 0x04A308D3, 0x13198A2E, 0x03707344});
  const std::uint64_t first = std::uint64_t{4} * 0x243F6A88;
  const Draws draws{seed, position, Purpose::augment, layer};
  CHECK(draws.bits4(0x243F6A88) == block);
  for (std::uint64_t k = 0; k < 4; ++k) {
    CHECK(draw_bits(seed, position, Purpose::augment, layer, first + k) == block[k]);
    CHECK(draws.bits(first + k) == block[k]);
  }
}

TEST_CASE("Draws: the purposes have the numbers that jobs on disk were made with") {
  CHECK(static_cast<int>(Purpose::shuffle) == 1);
  CHECK(static_cast<int>(Purpose::initialise) == 2);
  CHECK(static_cast<int>(Purpose::dropout) == 3);
  CHECK(static_cast<int>(Purpose::augment) == 4);
  CHECK(static_cast<int>(Purpose::split) == 5);
}

TEST_CASE("Draws: a uniform is exactly (u >> 8) * 2^-24, or 53 bits, and below 1 (JOB-3)") {
  CHECK(troupe::uniform(0) == 0.0F);
  CHECK(troupe::uniform(0xFF) == 0.0F);
  CHECK(troupe::uniform(0x100) == 0x1p-24F);
  CHECK(troupe::uniform(0x80000000) == 0.5F);
  CHECK(troupe::uniform(~0U) == 1.0F - 0x1p-24F);
  CHECK(troupe::uniform53(0, 0x7FF) == 0.0);
  CHECK(troupe::uniform53(0, 0x800) == 0x1p-53);
  CHECK(troupe::uniform53(~0U, ~0U) == 1.0 - 0x1p-53);
  const Draws draws{7, 0, Purpose::dropout, 3};
  CHECK(draws.uniform(5) == troupe::uniform(draws.bits(5)));
  CHECK(draws.uniform53(3) == troupe::uniform53(draws.bits(6), draws.bits(7)));
}

TEST_CASE("Draws: uniforms have the mean, the deviation and the lag correlation of uniforms") {
  const Draws draws{1, 2, Purpose::dropout, 3};
  const std::uint64_t count = 1 << 16;
  double sum = 0, squares = 0, lagged = 0;
  for (std::uint64_t n = 0; n < count; ++n) {
    const double u = draws.uniform(n) - 0.5;
    sum += u;
    squares += u * u;
    lagged += u * (draws.uniform(n + 1) - 0.5);
  }
  const double sigma = 1 / std::sqrt(static_cast<double>(count));  // 5 standard errors each
  CHECK(std::abs(sum / count) < 5 * sigma * std::sqrt(1.0 / 12));
  CHECK(std::abs(squares / count - 1.0 / 12) < 5 * sigma * std::sqrt(1.0 / 180));
  CHECK(std::abs(lagged / count) < 5 * sigma / 12);
}

TEST_CASE("Draws: normals are Box and Muller's, of the block's two uniforms, in f64") {
  const Draws draws{11, 3, Purpose::initialise, 1};
  for (std::uint64_t pair = 0; pair < 200; ++pair) {
    const double u = draws.uniform53(2 * pair);
    const double v = draws.uniform53(2 * pair + 1);
    const double radius = std::sqrt(-2 * std::log(1 - u));
    const double angle = 2 * 3.141592653589793 * v;
    CHECK(std::abs(draws.normal(2 * pair) - radius * std::cos(angle)) < 1e-14);
    CHECK(std::abs(draws.normal(2 * pair + 1) - radius * std::sin(angle)) < 1e-14);
  }
  CHECK(std::bit_cast<std::uint64_t>(draws.normal(0)) == 0x3FFE17B37EDCA146);
  CHECK(std::bit_cast<std::uint64_t>(draws.normal(1)) == 0x3FF0AAD8A914B009);
}

TEST_CASE("Draws: normals have the first four moments of normals") {
  const Draws draws{5, 0, Purpose::initialise, 2};
  const std::uint64_t count = 1 << 16;
  double sum = 0, squares = 0, cubes = 0, fourths = 0, lagged = 0;
  for (std::uint64_t n = 0; n < count; ++n) {
    const double x = draws.normal(n);
    sum += x;
    squares += x * x;
    cubes += x * x * x;
    fourths += x * x * x * x;
    lagged += x * draws.normal(n + 1);
  }
  const double bound =
      5 / std::sqrt(static_cast<double>(count));  // 5 standard errors of each moment
  CHECK(std::abs(sum / count) < bound);
  CHECK(std::abs(squares / count - 1) < bound * std::sqrt(2));
  CHECK(std::abs(cubes / count) < bound * std::sqrt(15));
  CHECK(std::abs(fourths / count - 3) < bound * std::sqrt(96));
  CHECK(std::abs(lagged / count) < bound);
}

TEST_CASE("Draws: refuses a layer index that the counter has no room for") {
  CHECK_NOTHROW(Draws(1, 2, Purpose::dropout, (1U << 24) - 1));
  CHECK_THROWS_WITH_AS(Draws(1, 2, Purpose::dropout, 1U << 24),
                       "draws: expected a layer index below 2^24, got 16777216", Error);
}
