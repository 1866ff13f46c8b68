#include "serialization/model_state.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "runtime/base/error.hpp"
#include "serialization/state_hash.hpp"

namespace troupe::serialization {
namespace {

void check_slot(const gpu::nn::StateLayout& layout, std::size_t bytes) {
  if (bytes == layout.slot_bytes) return;
  throw Error{ErrorCode::bad_input, "version slot: expected " + std::to_string(layout.slot_bytes) +
                                        " bytes, got " + std::to_string(bytes)};
}

std::string describe(gpu::DType dtype, const gpu::Shape& shape) {
  return std::string{gpu::to_string(dtype)} + gpu::to_string(shape);
}

}  // namespace

SlotTensors::SlotTensors(const gpu::nn::StateLayout& layout, std::span<const std::byte> slot)
    : tensors_{layout.tensors()} {
  check_slot(layout, slot.size());
  for (const gpu::nn::StateTensor& tensor : tensors_) {
    const std::size_t bytes =
        static_cast<std::size_t>(tensor.shape.elements()) * gpu::size_bytes(tensor.dtype);
    views_.push_back(
        {tensor.name, tensor.dtype, tensor.shape, slot.subspan(tensor.offset_bytes, bytes)});
  }
}

Sha256Digest state_hash(const gpu::nn::StateLayout& layout, std::span<const std::byte> slot,
                        std::uint64_t step) {
  return state_hash(SlotTensors{layout, slot}.views(), step);
}

void load_slot(const gpu::nn::StateLayout& layout, const Safetensors& from,
               std::span<std::byte> slot) {
  check_slot(layout, slot.size());
  const std::vector<gpu::nn::StateTensor> wanted = layout.tensors();
  std::string problems;
  for (const gpu::nn::StateTensor& tensor : wanted) {
    const NamedTensorView* const found = from.find(tensor.name);
    const std::string expected =
        "\n  " + tensor.name + ": expected " + describe(tensor.dtype, tensor.shape) + ", got ";
    if (found == nullptr)
      problems += expected + "none";
    else if (found->dtype != tensor.dtype || !(found->shape == tensor.shape)) {
      problems += expected + describe(found->dtype, found->shape);
    }
  }
  for (const NamedTensorView& tensor : from.tensors()) {
    if (std::ranges::find(wanted, tensor.name, &gpu::nn::StateTensor::name) == wanted.end()) {
      problems += "\n  " + std::string{tensor.name} + ": expected no such tensor, got " +
                  describe(tensor.dtype, tensor.shape);
    }
  }
  if (!problems.empty()) throw Error{ErrorCode::bad_input, "state of another model:" + problems};
  for (const gpu::nn::StateTensor& tensor : wanted) {
    const NamedTensorView& found = *from.find(tensor.name);
    std::memcpy(slot.data() + tensor.offset_bytes, found.bytes.data(), found.bytes.size());
  }
}

}  // namespace troupe::serialization
