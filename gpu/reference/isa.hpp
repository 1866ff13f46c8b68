#pragma once

#include <string_view>

#include "gpu/formulas/inline.hpp"

/// The portable kernels are compiled once for each instruction set, in a namespace of its own, and one table
/// picks at run time. Sums have 16 lanes on every one of them and products are never contracted into sums, so
/// the choice changes the speed and not one bit (JOB-6).
///
/// A file of such kernels includes only <cmath>, <cstdint>, <cstring>, and headers of ours whose functions are
/// TROUPE_INLINE: a function of the standard library that the linker shares between the copies could be the
/// copy for a machine that this one is not.
#ifndef TROUPE_ISA
#define TROUPE_ISA baseline
#endif

/// Of an object that each copy defines in its namespace (a table of function pointers, say), the one to use.
#if defined(__x86_64__)
#define TROUPE_PICK_ISA(object)                                                              \
  (::troupe::gpu::reference::isa() == ::troupe::gpu::reference::Isa::avx512 ? avx512::object \
   : ::troupe::gpu::reference::isa() == ::troupe::gpu::reference::Isa::avx2 ? avx2::object   \
                                                                            : baseline::object)
#else
#define TROUPE_PICK_ISA(object) (baseline::object)
#endif

namespace troupe::gpu::reference {

enum class Isa { baseline, avx2, avx512 };

/// The widest that this processor has, unless TROUPE_CPU_ISA names a narrower one. Read once a process.
Isa isa();
std::string_view to_string(Isa isa);

}  // namespace troupe::gpu::reference
