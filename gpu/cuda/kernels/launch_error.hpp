#pragma once

namespace troupe::gpu::cuda {

/// @throws Error for a status of the CUDA runtime (status.hpp), from a source that nvcc compiles.
[[noreturn]] void fail_launch(int status, const char* text);

}  // namespace troupe::gpu::cuda
