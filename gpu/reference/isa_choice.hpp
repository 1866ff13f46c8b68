#pragma once

#include "gpu/reference/isa.hpp"

/// As TROUPE_PICK_ISA, for an instruction set named by the caller, so that a test can compare all of them.
#if defined(__x86_64__)
#define TROUPE_OF_ISA(isa, object)                                 \
  ((isa) == ::troupe::gpu::reference::Isa::avx512 ? avx512::object \
   : (isa) == ::troupe::gpu::reference::Isa::avx2 ? avx2::object   \
                                                  : baseline::object)
#else
#define TROUPE_OF_ISA(isa, object) (static_cast<void>(isa), baseline::object)
#endif
