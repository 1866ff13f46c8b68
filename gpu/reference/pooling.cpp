#include "gpu/reference/pooling.hpp"

#include <algorithm>
#include <cstdint>

#include "gpu/reference/checks.hpp"
#include "gpu/reference/isa_choice.hpp"
#include "gpu/reference/pooling_kernels.hpp"
#include "gpu/reference/window_of.hpp"

namespace troupe::gpu::reference {
namespace {

class PoolKernel final : public Kernel {
 public:
  PoolKernel(const Pool& pool, Isa isa)
      : pool_{pool},
        window_{window_of(pool.geometry)},
        kernels_{TROUPE_OF_ISA(isa, pooling_table)} {}

  void run(void* const* operands) override {
    const auto* const x = static_cast<const float*>(operands[0]);
    auto* const y = static_cast<float*>(operands[1]);
    if (pool_.kind == PoolKind::average) {
      kernels_.average(window_, x, y);
    } else {
      kernels_.maximum(window_, x, y,
                       pool_.training ? static_cast<std::int32_t*>(operands[2]) : nullptr);
    }
  }

 private:
  Pool pool_;
  Window window_;
  const PoolingTable& kernels_;
};

class PoolBackwardKernel final : public Kernel {
 public:
  PoolBackwardKernel(const PoolBackward& pool, Isa isa)
      : kind_{pool.kind},
        window_{window_of(pool.geometry)},
        kernels_{TROUPE_OF_ISA(isa, pooling_table)} {}

  void run(void* const* operands) override {
    const auto* const dy = static_cast<const float*>(operands[0]);
    auto* const dx = static_cast<float*>(operands[kind_ == PoolKind::max ? 2 : 1]);
    std::fill_n(dx, window_.pixels() * window_.in_channels, 0.0F);
    if (kind_ == PoolKind::average) {
      kernels_.average_backward(window_, dy, dx);
    } else {
      kernels_.maximum_backward(window_, dy, static_cast<const std::int32_t*>(operands[1]), dx);
    }
  }

 private:
  PoolKind kind_;
  Window window_;
  const PoolingTable& kernels_;
};

std::size_t taps_bytes(const ConvolutionGeometry& geometry) {
  return static_cast<std::size_t>(window_of(geometry).positions() * geometry.out_channels) *
         sizeof(std::int32_t);
}

}  // namespace

std::unique_ptr<Kernel> make_kernel(const Pool& operation, Isa isa) {
  check_pooling(operation, operation.geometry);
  return std::make_unique<PoolKernel>(operation, isa);
}

std::unique_ptr<Kernel> make_kernel(const PoolBackward& operation, Isa isa) {
  check_pooling(operation, operation.geometry);
  return std::make_unique<PoolBackwardKernel>(operation, isa);
}

std::size_t workspace_bytes(const Pool& operation) {
  const bool has = operation.kind == PoolKind::max && operation.training;
  return has ? taps_bytes(operation.geometry) : 0;
}

std::size_t workspace_bytes(const PoolBackward& operation) {
  return operation.kind == PoolKind::max ? taps_bytes(operation.geometry) : 0;
}

}  // namespace troupe::gpu::reference
