#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "gpu/cuda/node.hpp"
#include "gpu/dtype.hpp"

/// cuDNN's batch norms take channels in runs of 16 bytes. Where a layer has others, it is computed with more channels, all
/// of them 0, on copies in the scratch: slower, and for small layers alone.
namespace troupe::gpu::cuda::dnn {

/// The next number of channels that fills runs of 16 bytes.
std::int64_t wide_channels(std::int64_t channels, DType type);

/// An operand [rows, channels], behind `leading_bytes` that stay as they are.
struct ChannelOperand {
  std::size_t index;
  std::int64_t rows;
  std::size_t element_bytes;
  bool output = false;
  std::size_t leading_bytes = 0;
};

/// `inner`, which takes `wide` channels, as a node over `channels`. Operands that are not listed are passed on.
std::unique_ptr<Node> with_wide_channels(std::unique_ptr<Node> inner, std::int64_t channels,
                                         std::int64_t wide, std::size_t operand_count,
                                         std::vector<ChannelOperand> operands);

}  // namespace troupe::gpu::cuda::dnn
