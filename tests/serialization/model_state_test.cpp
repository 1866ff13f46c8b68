#include "serialization/model_state.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"

using namespace troupe;
using namespace troupe::serialization;
namespace nn = troupe::gpu::nn;

namespace {

nn::StateLayout layout_of(const gpu::Shape& weight) {
  return nn::make_state_layout(
      {{"dense.weight", weight, true, 0}, {"dense.bias", gpu::Shape{3}, false, 0}}, {},
      {"velocity"});
}

Safetensors saved(const nn::StateLayout& layout, std::span<const std::byte> slot) {
  return Safetensors::parse(FileBytes::copy(to_safetensors(SlotTensors{layout, slot}.views(), {})),
                            "state");
}

}  // namespace

TEST_CASE("SlotTensors: names what lies in a slot, optimizer state included, without padding") {
  const nn::StateLayout layout = layout_of({3, 5});
  std::vector<std::byte> slot(layout.slot_bytes);
  const SlotTensors tensors{layout, slot};
  REQUIRE(tensors.views().size() == 4);
  CHECK(tensors.views()[0].name == "dense.bias");
  CHECK(tensors.views()[1].name == "dense.bias#velocity");
  CHECK(tensors.views()[2].bytes.size() == 60);
  CHECK_THROWS_AS((SlotTensors{layout, std::span{slot}.first(8)}), Error);
}

TEST_CASE("load_slot: puts back what was saved, and the hash is the same (JOB-8)") {
  const nn::StateLayout layout = layout_of({3, 5});
  std::vector<std::byte> slot(layout.slot_bytes), back(layout.slot_bytes);
  for (const auto& tensor : layout.tensors()) {
    for (std::int64_t i = 0; i < tensor.shape.elements() * 4; ++i) {
      slot[tensor.offset_bytes + static_cast<std::size_t>(i)] = static_cast<std::byte>(i * 7 + 1);
    }
  }
  load_slot(layout, saved(layout, slot), back);
  CHECK(slot == back);
  CHECK(state_hash(layout, slot, 9) == state_hash(layout, back, 9));
  CHECK(state_hash(layout, slot, 9) != state_hash(layout, slot, 10));
}

TEST_CASE("load_slot: names every tensor that does not fit, and touches nothing") {
  const nn::StateLayout layout = layout_of({3, 5}), other = layout_of({5, 3});
  std::vector<std::byte> theirs(other.slot_bytes), slot(layout.slot_bytes, std::byte{7});
  const auto before = slot;
  try {
    load_slot(layout, saved(other, theirs), slot);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::bad_input);
    CHECK(std::string{error.what()} ==
          "state of another model:\n  dense.weight: expected f32[3, 5], got f32[5, 3]\n  "
          "dense.weight#velocity: expected "
          "f32[3, 5], got f32[5, 3]");
  }
  CHECK(slot == before);
}
