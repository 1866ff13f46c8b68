#include "gpu/reference/isa.hpp"

#include <cstdlib>

#include "runtime/base/error.hpp"

namespace troupe::gpu::reference {
namespace {

Isa widest() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    return Isa::avx512;
  }
  if (__builtin_cpu_supports("avx2")) return Isa::avx2;
#endif
  return Isa::baseline;
}

Isa chosen() {
  const char* const named = std::getenv("TROUPE_CPU_ISA");
  if (named == nullptr || *named == '\0') return widest();
  for (const Isa candidate : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (to_string(candidate) != named) continue;
    if (candidate > widest()) {
      throw Error{ErrorCode::unsupported, std::string{"TROUPE_CPU_ISA: expected at most "} +
                                              std::string{to_string(widest())} +
                                              " on this processor, got " + named};
    }
    return candidate;
  }
  throw Error{ErrorCode::bad_input,
              std::string{"TROUPE_CPU_ISA: expected baseline, avx2 or avx512, got "} + named};
}

}  // namespace

Isa isa() {
  static const Isa once = chosen();
  return once;
}

std::string_view to_string(Isa isa) {
  switch (isa) {
    case Isa::baseline:
      return "baseline";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
  }
  return "?";
}

}  // namespace troupe::gpu::reference
