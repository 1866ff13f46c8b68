#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "gpu/dtype.hpp"
#include "gpu/kernel.hpp"
#include "gpu/tensor.hpp"
#include "tests/reference/compare.hpp"

namespace troupe::test::reference {

/// A library on trial.
struct Subject {
  std::string name;
  gpu::KernelLibrary& kernels;
  bool complete;  ///< has a kernel for every operation
  gpu::DType type =
      gpu::DType::f32;  ///< that it is tried in: of the operands that gpu/operation.hpp says

  /// What a result may be off (check_close).
  double tolerance() const { return type == gpu::DType::f32 ? kernel_tolerance : narrow_tolerance; }
  bool has(const gpu::Operation& operation) const { return kernels.make(operation, {}) != nullptr; }
};

Subject portable();
/// In bf16.
Subject narrow();
/// Memory for an operand, zeroed, of which kernels get addresses.
std::shared_ptr<gpu::Storage> allocate_operand(std::size_t bytes);
/// Skips the case and gives nothing where the module cannot be loaded.
std::optional<Subject> find_onednn();

}  // namespace troupe::test::reference
