#pragma once

/// Before a function that kernels of every kind take into their loops: those of the CPU, which are compiled once for
/// each instruction set (gpu/reference/isa.hpp), and those of a GPU.
#if defined(__CUDACC__)
#define TROUPE_INLINE __host__ __device__ __forceinline__
#else
#define TROUPE_INLINE [[gnu::always_inline]] inline
#endif
