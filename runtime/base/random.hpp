#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace troupe {

/// What a draw is for: two purposes never see the same numbers. Part of a job's bits (JOB-3), so
/// values are never changed or reused.
enum class Purpose : std::uint8_t {
  shuffle = 1,
  initialise = 2,
  dropout = 3,
  augment = 4,
  split = 5
};

/// Four 32-bit words: a Philox counter, or the four draws that one counter gives.
using Draw4 = std::array<std::uint32_t, 4>;
/// Low and high word of the seed.
using PhiloxKey = std::array<std::uint32_t, 2>;

/// Philox4x32-10: ten rounds of a keyed bijection of 128 bits. No state, no branches; a loop over
/// counters vectorises. This and what kernels call with it is always inlined: a copy compiled for a
/// newer instruction set must not be linked into code for an older one.
///
/// Source: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC'11,
/// section 3.3 and table 2; the constants are the paper's.
[[gnu::always_inline]] constexpr Draw4 philox4x32_10(PhiloxKey key, Draw4 counter) noexcept {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product0)};
    key[0] += 0x9E3779B9;  // golden ratio
    key[1] += 0xBB67AE85;  // sqrt(3) - 1
  }
  return counter;
}

[[gnu::always_inline]] constexpr PhiloxKey philox_key(std::uint64_t seed) noexcept {
  return {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
}

/// The counter of JOB-3, packed into Philox's words as
///
///     word 0   element div 4
///     word 1   purpose << 24 | layer index
///     word 2   position, low half
///     word 3   position, high half
///
/// @param layer below 2^24; not checked here, so that kernels may call it element by element.
/// @param block element div 4.
[[gnu::always_inline]] constexpr Draw4 draw_counter(std::uint64_t position, Purpose purpose,
                                                    std::uint32_t layer,
                                                    std::uint32_t block) noexcept {
  return {block, static_cast<std::uint32_t>(purpose) << 24 | layer,
          static_cast<std::uint32_t>(position), static_cast<std::uint32_t>(position >> 32)};
}

/// The bits of one element (JOB-3): word `element mod 4` of the block `element div 4`.
/// @param layer below 2^24; @param element below 2^34. Neither is checked.
[[gnu::always_inline]] constexpr std::uint32_t draw_bits(std::uint64_t seed, std::uint64_t position,
                                                         Purpose purpose, std::uint32_t layer,
                                                         std::uint64_t element) noexcept {
  const auto block = static_cast<std::uint32_t>(element / 4);
  return philox4x32_10(philox_key(seed),
                       draw_counter(position, purpose, layer, block))[element % 4];
}

/// Uniform in [0, 1), a multiple of 2^-24, exact (JOB-3).
[[gnu::always_inline]] constexpr float uniform(std::uint32_t bits) noexcept {
  return static_cast<float>(bits >> 8) * 0x1p-24F;
}

/// Uniform in [0, 1), a multiple of 2^-53, exact: all of `high`, then the upper 21 bits of `low`.
[[gnu::always_inline]] constexpr double uniform53(std::uint32_t high, std::uint32_t low) noexcept {
  return static_cast<double>(std::uint64_t{high} << 21 | low >> 11) * 0x1p-53;
}

/// All draws of one (seed, position, purpose, layer). A value without state: the n-th draw is the
/// same whenever, wherever and in whatever order it is asked for. Draws of one kind are independent
/// of each other; uniform(), uniform53() and normal() share their bits, so use one kind per object.
class Draws {
 public:
  /// @throws Error bad_input if layer is 2^24 or more.
  Draws(std::uint64_t seed, std::uint64_t position, Purpose purpose, std::uint32_t layer);

  /// Elements 4 * block ... 4 * block + 3.
  [[gnu::always_inline]] Draw4 bits4(std::uint32_t block) const noexcept {
    return philox4x32_10(key_, {block, words_[1], words_[2], words_[3]});
  }
  /// @param element below 2^34.
  [[gnu::always_inline]] std::uint32_t bits(std::uint64_t element) const noexcept {
    return bits4(static_cast<std::uint32_t>(element / 4))[element % 4];
  }
  /// Uniform f32 in [0, 1) of an element (JOB-3).
  [[gnu::always_inline]] float uniform(std::uint64_t element) const noexcept {
    return troupe::uniform(bits(element));
  }
  /// Uniform f64 in [0, 1), the n-th: of elements 2n and 2n + 1. @param n below 2^33.
  [[gnu::always_inline]] double uniform53(std::uint64_t n) const noexcept {
    const Draw4 draw = bits4(static_cast<std::uint32_t>(n / 2));
    const std::size_t at = 2 * (n % 2);
    return troupe::uniform53(draw[at], draw[at + 1]);
  }
  /// Standard normal, the n-th: of elements 2n and 2n + 1. Box-Muller (Annals of Mathematical
  /// Statistics 29, 1958) on the block's two uniforms u and v: sqrt(-2 log(1 - u)) times cos(2 pi v)
  /// for even n, sin(2 pi v) for odd n, in f64 with troupe::math. At most 8.6 in size.
  /// @param n below 2^33.
  double normal(std::uint64_t n) const noexcept;

 private:
  PhiloxKey key_;
  Draw4 words_;  ///< the counter of block 0
};

}  // namespace troupe
