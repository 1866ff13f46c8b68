#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "gpu/cuda/kernels/update.hpp"
#include "gpu/device.hpp"
#include "gpu/nn/optimizer.hpp"
#include "gpu/nn/state_layout.hpp"

namespace troupe::gpu::cuda {

/// The tables of an optimizer's kernels for one layout, and what is enqueued with them. Whoever has the device allocates
/// bytes() of its memory, at a multiple of 256, and copies contents() there once; the calls below take its address. May be
/// captured into a CUDA graph, together with the addresses that are bound. const calls are thread-safe.
class UpdateTables {
 public:
  /// @throws Error bad_input as nn::check_updatable, unsupported for more than most_buckets buckets.
  UpdateTables(const nn::StateLayout& layout, const nn::OptimizerSpec& optimizer);

  std::size_t bytes() const { return bytes_; }
  /// The tables, and what the kernels write, as it is before the first update.
  std::vector<std::byte> contents() const;

  /// As Updater::prepare and Updater::update, with device addresses in `bindings` (but buckets is a span of the host's).
  /// @throws Error bad_input for bindings or a range that do not fit the layout.
  void prepare(StreamHandle stream, std::byte* memory, const UpdateBindings& bindings) const;
  void update(StreamHandle stream, std::byte* memory, const UpdateBindings& bindings,
              std::size_t begin, std::size_t end) const;

  /// Where the UpdateResult lies in the memory.
  std::size_t result_offset_bytes() const { return result_offset_bytes_; }
  /// As Updater::not_finite.
  std::string not_finite(const UpdateResult& result) const;
  /// As Updater::stayed_finite.
  static bool stayed_finite(const UpdateResult& result);

 private:
  UpdateMemory memory_at(std::byte* memory) const;
  GradientBuckets buckets_of(const UpdateBindings& bindings) const;

  nn::StateLayout layout_;
  formulas::UpdateRule rule_;
  std::vector<UpdateItem> items_;  // in order of begin
  std::vector<GradientPiece> pieces_;
  std::vector<SquaresBlock> blocks_;
  std::vector<RunningEntry> statistics_;
  std::size_t items_offset_bytes_ = 0, pieces_offset_bytes_ = 0, blocks_offset_bytes_ = 0,
              statistics_offset_bytes_ = 0, sums_offset_bytes_ = 0, result_offset_bytes_ = 0,
              bytes_ = 0;
};

}  // namespace troupe::gpu::cuda
