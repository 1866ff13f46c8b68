#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "gpu/device.hpp"

namespace troupe::gpu {

class KernelLibrary;

enum class CpuBackend : std::uint8_t {
  automatic,  ///< oneDNN's kernels where its module loads, the portable ones otherwise
  reference,  ///< the portable kernels alone
  onednn,     ///< oneDNN's where it has them; unsupported without its module
};

struct CpuOptions {
  int threads = 1;  ///< the most that a program may ask for (JOB-2)
  CpuBackend backend = CpuBackend::automatic;
};

/// The CPU as a device: memory is host memory, and a stream does its work at once, on the caller's thread,
/// where errors are thrown as well. Waiting for an event in a stream blocks that thread. A run of a program
/// sets the floating-point environment of JOB-6 and allocates nothing. The device may be used by several
/// threads at once, except for `compile` and `workspace_bytes`; each program, stream and updater by one.
/// @throws Error bad_input for threads below 1, unsupported if the backend is not there, saying why.
std::unique_ptr<Device> make_cpu_device(const CpuOptions& options = {});

/// The same, of the kernels in `libraries`, the preferred first. Two operations that hand a workspace from one
/// to the other (max pool or batch norm, and its backward) come from the first library that makes both.
std::unique_ptr<Device> make_cpu_device(std::vector<std::shared_ptr<KernelLibrary>> libraries,
                                        int threads);

}  // namespace troupe::gpu
