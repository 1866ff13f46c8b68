#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gpu/operation.hpp"

namespace troupe::gpu {

/// One operation made ready for one shape on the CPU. Run by one thread at a time, which has set
/// FloatEnvironment (JOB-6); equal inputs give equal bits.
class Kernel {
 public:
  virtual ~Kernel() = default;
  /// `operands` are addresses, in the order that the operation names. Allocates nothing of its own.
  virtual void run(void* const* operands) = 0;
};

struct KernelOptions {
  int threads = 1;  ///< threads_per_shard (JOB-2); a library refuses what it cannot deliver
};

/// A set of CPU kernels: the portable ones, or a module's. Used by one thread at a time.
class KernelLibrary {
 public:
  virtual ~KernelLibrary() = default;
  /// Null where the library has no kernel for the operation. @throws Error if it ought to and cannot.
  virtual std::unique_ptr<Kernel> make(const Operation& operation,
                                       const KernelOptions& options) = 0;
  /// Bytes of the operand named workspace. Called only for operations that the library makes.
  virtual std::size_t workspace_bytes(const Operation& operation) = 0;
  /// What the bits depend on, for the machine record (JOB-6): (key, value), as in ("onednn.isa", "avx512_core").
  virtual std::vector<std::pair<std::string, std::string>> machine_record() const = 0;
};

}  // namespace troupe::gpu
