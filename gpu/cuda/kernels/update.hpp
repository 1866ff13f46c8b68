#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "gpu/cuda/node.hpp"
#include "gpu/formulas/update.hpp"
#include "gpu/step_state.hpp"

/// The optimizer's step on the GPU, by the formulas and in the orders of the CPU's updater: the same bits. Its tables lie
/// in device memory and are made by gpu/cuda/update_tables.hpp.
namespace troupe::gpu::cuda {

/// What one block of threads updates at once: some elements of one parameter in one bucket. `begin` and `gradient` are
/// multiples of 16; the slot's padding behind the last element is written 0.
struct UpdateItem {
  std::uint64_t begin = 0;     ///< in the parameter space
  std::uint64_t gradient = 0;  ///< in the bucket
  std::uint32_t bucket = 0, parameter = 0;
  std::uint32_t elements = 0;  ///< at most update_item_elements
  std::uint32_t decays = 0;
};
inline constexpr std::size_t update_item_elements = 1024;

/// Elements [begin, end) of the parameter space, whose gradient begins at `gradient` in the bucket.
struct GradientPiece {
  std::uint64_t begin = 0, end = 0, gradient = 0, bucket = 0;
};

/// A leaf of the norm's tree (nn::NormBlock): elements [begin, end), of `piece` and those behind it.
struct SquaresBlock {
  std::uint64_t begin = 0, end = 0, piece = 0;
};

/// nn::StatisticEntry.
struct RunningEntry {
  std::int64_t channels = 0;
  double momentum = 0.0;
  std::uint64_t mean_offset_bytes = 0, variance_offset_bytes = 0, moments_offset_bytes = 0;
};

/// Written by prepare_update and update, read by the host where it asks.
struct UpdateResult {
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

  double norm = 0.0;  ///< the mean gradient's L2 norm, where it is clipped
  formulas::UpdateScalars plain, decaying;
  std::uint32_t first_not_finite =
      none;  ///< index of the first parameter whose gradient is not finite
  std::uint32_t loss_is_finite = 1;
  /// Whether one of the two was so in this update or one before. A word of its own that never goes back: it can be read while
  /// later updates write the result.
  std::uint32_t ever_not_finite = 0;
};

/// Device addresses of the tables, and how long they are.
struct UpdateMemory {
  const UpdateItem* items = nullptr;
  const GradientPiece* pieces = nullptr;
  const SquaresBlock* blocks = nullptr;  ///< none unless the norm is clipped
  const RunningEntry* statistics = nullptr;
  std::size_t block_count = 0, statistic_count = 0;
  double* sums = nullptr;  ///< squares_scratch(block_count)
  UpdateResult* result = nullptr;
};

/// How many f64 the tree of the norm needs: its leaves, and the level above.
constexpr std::size_t squares_scratch(std::size_t blocks) {
  return blocks + (blocks + 1) / 2;
}

/// They travel as a parameter of the kernels, so that nothing has to be copied before one.
inline constexpr std::size_t most_buckets = 1024;
struct GradientBuckets {
  const float* at[most_buckets];
};

/// What gpu::UpdateBindings names.
struct UpdateAddresses {
  const std::byte* from = nullptr;
  std::byte* to = nullptr;
  const std::byte* sums = nullptr;
  const StepState* step = nullptr;
};

/// Writes `result`, from the sums, the step and, with a clip_norm, the gradient; and the running statistics. One launch,
/// two with a clip_norm.
void prepare_update(StreamHandle stream, const UpdateMemory& memory,
                    const formulas::UpdateRule& rule, const UpdateAddresses& addresses,
                    const GradientBuckets& buckets);

/// Elements [begin, end) of the parameter space, multiples of 16, which lie in the items [first_item, end_item). States
/// follow the parameters at `state_stride` elements each. One launch.
void update(StreamHandle stream, const UpdateMemory& memory, const formulas::UpdateRule& rule,
            const UpdateAddresses& addresses, const GradientBuckets& buckets,
            std::size_t state_stride, std::size_t first_item, std::size_t end_item,
            std::size_t begin, std::size_t end);

}  // namespace troupe::gpu::cuda
