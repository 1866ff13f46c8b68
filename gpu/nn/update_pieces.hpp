#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gpu/device.hpp"
#include "gpu/formulas/update.hpp"
#include "gpu/nn/optimizer.hpp"
#include "gpu/nn/state_layout.hpp"

/// What updaters of every device cut alike.
namespace troupe::gpu::nn {

/// Of a block of the gradient's norm (JOB-4): element i of a parameter goes to lane i mod 16 of block i div 4096.
inline constexpr std::size_t norm_lanes = 16, norm_block_elements = 4096;

/// Elements [begin, end) of the parameter space, of one parameter in one bucket; without padding.
struct UpdatePiece {
  std::size_t begin = 0, end = 0;
  std::uint32_t parameter = 0, bucket = 0;
};

/// In order of `begin`.
std::vector<UpdatePiece> cut_into_pieces(const StateLayout& layout);

/// Elements [begin, end) of one parameter, whose squares are summed by themselves; they begin in `piece`.
struct NormBlock {
  std::size_t begin = 0, end = 0;
  std::size_t piece = 0;
};

/// The leaves of the norm's canonical tree: the blocks of all parameters, in order of name.
std::vector<NormBlock> cut_into_norm_blocks(const StateLayout& layout,
                                            const std::vector<UpdatePiece>& pieces);

formulas::UpdateRule make_update_rule(const OptimizerSpec& optimizer);

/// @throws Error bad_input if the optimizer fails its check or keeps other states than the layout has.
void check_updatable(const StateLayout& layout, const OptimizerSpec& optimizer);
/// @throws Error bad_input for a `to` that overlaps `from`, or a wrong count of buckets.
void check_update_bindings(const StateLayout& layout, const UpdateBindings& bindings);
/// @throws Error bad_input unless [begin, end) is a range of the parameter space, in multiples of 16.
void check_update_range(const StateLayout& layout, std::size_t begin, std::size_t end);

}  // namespace troupe::gpu::nn
