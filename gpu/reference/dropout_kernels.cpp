#include "gpu/reference/dropout_kernels.hpp"

#include <cstdint>

#include "gpu/reference/isa.hpp"
#include "gpu/reference/vector_math.hpp"

namespace troupe::gpu::reference::TROUPE_ISA {
namespace {

/// Philox4x32-10 of the counters (first + i, c1, c2, c3): four draws for each of `blocks` values of i. It is
/// troupe::philox4x32_10 (Salmon et al., SC'11), written so that a loop over counters becomes vector code.
void draw(std::uint32_t* draws, std::int64_t blocks, std::uint32_t first, std::uint32_t c1,
          std::uint32_t c2, std::uint32_t c3, std::uint32_t key0, std::uint32_t key1) {
  for (std::int64_t i = 0; i < blocks; ++i) {
    std::uint32_t a = first + static_cast<std::uint32_t>(i), b = c1, c = c2, d = c3;
    std::uint32_t k0 = key0, k1 = key1;
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t product0 = std::uint64_t{0xD2511F53} * a;
      const std::uint64_t product1 = std::uint64_t{0xCD9E8D57} * c;
      a = static_cast<std::uint32_t>(product1 >> 32) ^ b ^ k0;
      b = static_cast<std::uint32_t>(product1);
      c = static_cast<std::uint32_t>(product0 >> 32) ^ d ^ k1;
      d = static_cast<std::uint32_t>(product0);
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    draws[4 * i] = a;
    draws[4 * i + 1] = b;
    draws[4 * i + 2] = c;
    draws[4 * i + 3] = d;
  }
}

void dropout(const float* x, float* y, std::int64_t rows, std::int64_t width, float rate,
             std::uint64_t seed, std::uint64_t position, std::uint32_t layer) {
  constexpr std::int64_t block = 1024;  // elements at a time, a multiple of 4
  std::uint32_t draws[block];
  const float scale = 1.0F / (1.0F - rate);
  for (std::int64_t row = 0; row < rows; ++row, ++position, x += width, y += width) {
    for (std::int64_t begin = 0; begin < width; begin += block) {
      const std::int64_t count = width - begin < block ? width - begin : block;
      draw(draws, (count + 3) / 4, static_cast<std::uint32_t>(begin / 4),
           DropoutTable::purpose << 24 | layer, static_cast<std::uint32_t>(position),
           static_cast<std::uint32_t>(position >> 32), static_cast<std::uint32_t>(seed),
           static_cast<std::uint32_t>(seed >> 32));
      TROUPE_INDEPENDENT
      for (std::int64_t i = 0; i < count; ++i) {
        const float uniform =
            static_cast<float>(static_cast<std::int32_t>(draws[i] >> 8)) * 0x1p-24F;
        const float kept = x[begin + i] * scale;
        y[begin + i] = uniform < rate ? 0.0F : kept;
      }
    }
  }
}

}  // namespace

const DropoutTable dropout_table = {dropout};

}  // namespace troupe::gpu::reference::TROUPE_ISA
