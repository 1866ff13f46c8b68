#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "runtime/base/double_double.hpp"
#include "runtime/base/math_inline.hpp"

/// Sine and cosine, as constexpr as what math_inline.hpp has for kernels of a GPU, and with math.hpp's bits, but not for
/// loops: they branch. Private.
namespace troupe::math {
namespace parts {
__extension__ using Wide = unsigned __int128;

/// x = quadrant * pi/2 + angle, |angle| a little above pi/4 at most.
struct Reduced {
  DoubleDouble angle;
  std::uint64_t quadrant;  ///< modulo 4
};

/// Any x >= 0.5, in integers: Payne and Hanek, "Radian Reduction for Trigonometric Functions", SIGNUM
/// Newsletter 18 (1983). x = m 2^e; the bits of 2 / pi above weight 2^(2 - e) give multiples of
/// four quadrants; the next 256 leave an error of 2^-201, and no double comes closer to a multiple
/// of pi/2 than 2^-62.
[[gnu::always_inline]] constexpr Reduced reduce_exactly(double x) {
  // Tables are local, or a GPU could not read them: a zero word, then the first 1280 bits of 2 / pi.
  constexpr std::array<std::uint64_t, 21> two_over_pi_bits = {0,
                                                              0xA2F9836E4E441529,
                                                              0xFC2757D1F534DDC0,
                                                              0xDB6295993C439041,
                                                              0xFE5163ABDEBBC561,
                                                              0xB7246E3A424DD2E0,
                                                              0x06492EEA09D1921C,
                                                              0xFE1DEB1CB129A73E,
                                                              0xE88235F52EBB4484,
                                                              0xE99C7026B45F7E41,
                                                              0x3991D639835339F4,
                                                              0x9C845F8BBDF9283B,
                                                              0x1FF897FFDE05980F,
                                                              0xEF2F118B5A0A6D1F,
                                                              0x6D367ECF27CB09B7,
                                                              0x4F463F669E5FEA2D,
                                                              0x7527BAC7EBE5F17B,
                                                              0x3D0739F78A5292EA,
                                                              0x6BFB5FB11F8D5D08,
                                                              0x56033046FC7B6BAB,
                                                              0xF0CFBC209AF4361D};
  constexpr DoubleDouble half_pi = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54};
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const std::uint64_t m = (bits & ((std::uint64_t{1} << 52) - 1)) | std::uint64_t{1} << 52;
  // Of the table's bits, its zero word too: e - 2 + 64, where e = exponent field - 1075.
  const std::size_t skip = static_cast<std::size_t>(bits >> 52) - 1013;
  const std::size_t shift = skip % 64;
  // m times the window, modulo 2^256, highest word first: in units of 2^-254 quadrants.
  std::array<std::uint64_t, 4> product{};
  std::uint64_t carry = 0;
  for (std::size_t i = 4; i-- > 0;) {
    const std::size_t word = skip / 64 + i;
    std::uint64_t window = two_over_pi_bits[word] << shift;
    if (shift != 0) window |= two_over_pi_bits[word + 1] >> (64 - shift);
    const Wide sum = Wide{m} * window + carry;
    product[i] = static_cast<std::uint64_t>(sum);
    carry = static_cast<std::uint64_t>(sum >> 64);
  }
  std::uint64_t quadrant = product[0] >> 62;
  for (std::size_t i = 0; i < 4; ++i) {  // the fraction alone
    product[i] = product[i] << 2 | (i < 3 ? product[i + 1] >> 62 : 0);
  }
  const bool upper_half = product[0] >> 63 != 0;
  if (upper_half) {  // count from the next quadrant down
    quadrant += 1;
    for (std::uint64_t& word : product) word = ~word;
  }
  // The first 106 bits from the leading one on, as two doubles.
  std::size_t first = 0;
  int exponent = -64;
  while (product[first] == 0) {
    ++first;
    exponent -= 64;
  }
  const int zeros = std::countl_zero(product[first]);
  const Wide words = Wide{product[first]} << 64 | product[first + 1];
  const Wide leading = words << zeros | (zeros == 0 ? 0 : product[first + 2] >> (64 - zeros));
  const auto high = static_cast<double>(static_cast<std::uint64_t>(leading >> 75));
  const auto low = static_cast<double>(static_cast<std::uint64_t>(leading >> 22) &
                                       ((std::uint64_t{1} << 53) - 1));
  const double scale = power_of_two(exponent - zeros + 11);
  DoubleDouble angle = multiply({high * scale, low * scale * 0x1p-53}, half_pi);
  if (upper_half) angle = {-angle.high, -angle.low};
  return {angle, quadrant % 4};
}

/// @param x finite.
[[gnu::always_inline]] constexpr Reduced reduce(double x) {
  const double size = absolute(x);
  if (size < 0x1.921fb54442d18p-1) return {{x, 0.0}, 0};
  Reduced reduced{};
  bool exact = size > 0x1.921fb54442d18p+20;
  if (!exact) {
    // Cody and Waite with three parts of pi/2: below 2^20 quadrants the products with the first two,
    // 33 bits each, are exact. An angle below 2^-10 would need more parts, and is rare.
    const double shifted = size * 0x1.45f306dc9c883p-1 + to_integer;
    const double n = shifted - to_integer;
    const double first = size - n * 0x1.921fb54400000p+0;
    exact = absolute(first) < 0x1p-10;
    const DoubleDouble second = quick_two_sum(first, -(n * 0x1.0b4611a600000p-34));
    const double third = n * 0x1.3198a2e037073p-69 - second.low;
    reduced = {quick_two_sum(second.high, -third), std::bit_cast<std::uint64_t>(shifted) % 4};
  }
  if (exact) reduced = reduce_exactly(size);
  if (x < 0.0) {
    reduced.angle = {-reduced.angle.high, -reduced.angle.low};
    reduced.quadrant = (4 - reduced.quadrant) % 4;
  }
  return reduced;
}

/// The polynomials are Chebyshev fits, off by less than 2^-57 of the value.
[[gnu::always_inline]] constexpr double sin_of(DoubleDouble angle) {
  const double z = angle.high * angle.high;
  const double cubed = angle.high * z;
  const double rest = polynomial(
      z, -0x1.5555555555555p-3, 0x1.1111111111110p-7, -0x1.a01a01a019937p-13, 0x1.71de3a54607a5p-19,
      -0x1.ae64541295cdfp-26, 0x1.61217ee5cca1bp-33, -0x1.ab17bdcbd3414p-41);
  return angle.high + (cubed * rest + angle.low * (1.0 - 0.5 * z));
}

[[gnu::always_inline]] constexpr double cos_of(DoubleDouble angle) {
  const double z = angle.high * angle.high;
  const double rest =
      polynomial(z, 0x1.5555555555555p-5, -0x1.6c16c16c16967p-10, 0x1.a01a019f4e9b4p-16,
                 -0x1.27e4fa17bf139p-22, 0x1.1eeb68cd22f56p-29, -0x1.907d8f29fe831p-37);
  const DoubleDouble first = quick_two_sum(1.0, -0.5 * z);
  return first.high + (first.low + (z * z * rest - angle.high * angle.low));
}

/// sin(x + quarter_turns pi/2), of x reduced.
[[gnu::always_inline]] constexpr double sin_turned(const Reduced& x, std::uint64_t quarter_turns) {
  const std::uint64_t quadrant = x.quadrant + quarter_turns;
  const double value = quadrant % 2 == 0 ? sin_of(x.angle) : cos_of(x.angle);
  return quadrant % 4 < 2 ? value : -value;
}
}  // namespace parts

struct SineCosine {
  double sine;
  double cosine;
};

/// As sin() and cos(), of an angle that is reduced once.
[[gnu::always_inline]] constexpr SineCosine sin_cos_inline(double x) noexcept {
  if (!(parts::absolute(x) < parts::infinity)) return {parts::not_a_number, parts::not_a_number};
  if (parts::absolute(x) < parts::smallest_normal) return {parts::with_sign(0.0, x), 1.0};
  const parts::Reduced reduced = parts::reduce(x);
  return {parts::sin_turned(reduced, 0), parts::sin_turned(reduced, 1)};
}

}  // namespace troupe::math
