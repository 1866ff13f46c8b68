#pragma once

#include <cstdint>

#include <oneapi/dnnl/dnnl.hpp>

/// For a function written with AVX-512's intrinsics, so that the rest of its file runs anywhere.
#define TROUPE_AVX512 __attribute__((target("avx512f")))

namespace troupe::gpu::onednn {

inline constexpr std::int64_t lanes = 16;  ///< floats of a register

/// Whether oneDNN uses AVX-512: the record of the machine names its ISA, and our own code is to be covered by it.
inline bool has_avx512() {
  constexpr auto wanted = static_cast<unsigned>(dnnl_cpu_isa_avx512_core);
  return (static_cast<unsigned>(dnnl_get_effective_cpu_isa()) & wanted) == wanted;
}

}  // namespace troupe::gpu::onednn
