#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gpu/kernel.hpp"

namespace troupe::gpu::reference {

/// The portable kernels: every operation but Signal, on any machine. They run on one thread whatever
/// KernelOptions say, and their bits depend neither on that nor on the instruction set.
class ReferenceLibrary final : public KernelLibrary {
 public:
  std::unique_ptr<Kernel> make(const Operation& operation, const KernelOptions& options) override;
  std::size_t workspace_bytes(const Operation& operation) override;
  std::vector<std::pair<std::string, std::string>> machine_record() const override { return {}; }
};

}  // namespace troupe::gpu::reference
