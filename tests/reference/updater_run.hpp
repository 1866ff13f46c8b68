#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "gpu/device.hpp"
#include "gpu/nn/optimizer.hpp"
#include "gpu/nn/state_layout.hpp"
#include "tests/reference/values.hpp"

namespace troupe::test::reference {

/// A device's updater, fed as reference::Optimizer is: with the values of all parameters one after another, without
/// the padding of the layout.
class UpdaterRun {
 public:
  UpdaterRun(gpu::Device& device, const gpu::nn::StateLayout& layout,
             const gpu::nn::OptimizerSpec& spec, const Values& parameters);

  void step(const Values& gradient_sums, std::int64_t rows, double learning_rate);

  Values parameters() const { return read(0); }
  Values state(int which) const { return read(1 + static_cast<std::size_t>(which)); }

 private:
  Values read(std::size_t part) const;
  std::shared_ptr<gpu::Storage> there(const void* data, std::size_t bytes);

  gpu::Device& device_;
  gpu::nn::StateLayout layout_;
  gpu::nn::OptimizerSpec spec_;
  std::vector<std::size_t> elements_;  ///< of the parameter space, those that are not padding
  std::unique_ptr<gpu::Stream> stream_;
  std::unique_ptr<gpu::Updater> updater_;
  std::shared_ptr<gpu::Storage> from_, to_;
  std::uint64_t steps_ = 0;
};

}  // namespace troupe::test::reference
