#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gpu/nn/state_layout.hpp"
#include "serialization/named_tensor.hpp"
#include "serialization/safetensors.hpp"
#include "serialization/sha256.hpp"

namespace troupe::serialization {

/// A version slot seen as named tensors, for checkpoints, exports and hashes. Points into the slot and owns the
/// names; neither copied nor moved.
class SlotTensors {
 public:
  /// @throws Error bad_input if `slot` is not of the layout's size.
  SlotTensors(const gpu::nn::StateLayout& layout, std::span<const std::byte> slot);
  SlotTensors(const SlotTensors&) = delete;
  SlotTensors& operator=(const SlotTensors&) = delete;

  std::span<const NamedTensorView> views() const { return views_; }

 private:
  std::vector<gpu::nn::StateTensor> tensors_;
  std::vector<NamedTensorView> views_;
};

/// The hash that runs are compared by (JOB-8): of all tensors of a slot and the number of its version.
Sha256Digest state_hash(const gpu::nn::StateLayout& layout, std::span<const std::byte> slot,
                        std::uint64_t step);

/// Fills a slot from tensors that were read. @throws Error bad_input, naming every tensor that is missing, unknown or
/// of another type or shape; the slot is untouched then.
void load_slot(const gpu::nn::StateLayout& layout, const Safetensors& from,
               std::span<std::byte> slot);

}  // namespace troupe::serialization
