#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gpu/cuda/node.hpp"
#include "gpu/operation.hpp"

namespace troupe::gpu::cuda {

/// Makes operations ready. Used by one thread at a time.
class NodeFactory {
 public:
  virtual ~NodeFactory() = default;
  /// @throws Error unsupported with the operation's shape where there is no way.
  virtual std::unique_ptr<Node> make(const Operation& operation) = 0;
  /// Of the operand that is named workspace.
  virtual std::size_t workspace_bytes(const Operation& operation) = 0;
  /// What was chosen so far, and what the bits depend on, for the machine record (JOB-6).
  virtual std::vector<std::pair<std::string, std::string>> machine_record() const = 0;
};

}  // namespace troupe::gpu::cuda
