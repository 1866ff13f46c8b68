#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "gpu/kernel.hpp"
#include "gpu/tensor.hpp"

namespace troupe::test::reference {

/// A library on trial.
struct Subject {
  std::string name;
  gpu::KernelLibrary& kernels;
  bool complete;  ///< has a kernel for every operation

  bool has(const gpu::Operation& operation) const { return kernels.make(operation, {}) != nullptr; }
};

Subject portable();
/// Memory for an operand, zeroed, of which kernels get addresses.
std::shared_ptr<gpu::Storage> allocate_operand(std::size_t bytes);
/// Skips the case and gives nothing where the module cannot be loaded.
std::optional<Subject> find_onednn();

}  // namespace troupe::test::reference
