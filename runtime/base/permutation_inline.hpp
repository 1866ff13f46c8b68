#pragma once

#include <bit>
#include <cstdint>

#include "runtime/base/random.hpp"

/// What Permutation computes (permutation.hpp), unchecked and constexpr, so that kernels of a GPU compute it too. Private.
namespace troupe {

/// The network over the smallest power of two that holds `size`.
struct Feistel {
  std::uint64_t size;
  std::uint32_t low_bits;  ///< of the right half; the left one is as long or one bit longer
  std::uint32_t high_bits;
  std::uint32_t rounds;
};

/// A round leaves one half as it is, so values that share that half stay related until enough rounds
/// have mixed both. The relation fades by about 2^-bits every four rounds, bits being a half's: from
/// 4 bits a half on, the ten rounds of NIST's FF1 (SP 800-38G) suffice. Below, 32 rounds bring all
/// orders of a handful of samples within 1 % of equal odds, worked out by enumeration.
/// @param size  1 to 2^40
[[gnu::always_inline]] constexpr Feistel feistel_over(std::uint64_t size) noexcept {
  const auto bits = static_cast<std::uint32_t>(std::bit_width(size - 1));
  return {size, bits / 2, bits - bits / 2, bits < 8 ? 32U : 10U};
}

/// Where i < size goes.
[[gnu::always_inline]] constexpr std::uint64_t permuted(const Feistel& over, std::uint64_t seed,
                                                        std::uint64_t epoch,
                                                        std::uint64_t i) noexcept {
  const PhiloxKey key = philox_key(seed);
  const std::uint32_t low_mask = (std::uint32_t{1} << over.low_bits) - 1;
  const std::uint32_t high_mask = (std::uint32_t{1} << over.high_bits) - 1;
  do {
    auto low = static_cast<std::uint32_t>(i) & low_mask;
    auto high = static_cast<std::uint32_t>(i >> over.low_bits);
    for (std::uint32_t round = 0; round < over.rounds; round += 2) {
      high ^= philox4x32_10(key, draw_counter(epoch, Purpose::shuffle, round, low))[0] & high_mask;
      low ^=
          philox4x32_10(key, draw_counter(epoch, Purpose::shuffle, round + 1, high))[0] & low_mask;
    }
    i = std::uint64_t{high} << over.low_bits | low;
  } while (i >= over.size);
  return i;
}

/// As sample_index().
[[gnu::always_inline]] constexpr std::uint64_t sample_index_inline(
    const Feistel& over, std::uint64_t seed, std::uint64_t position) noexcept {
  return permuted(over, seed, position / over.size, position % over.size);
}

}  // namespace troupe
