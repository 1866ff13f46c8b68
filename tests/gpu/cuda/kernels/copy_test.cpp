#include "gpu/cuda/kernels/copy.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "gpu/tensor.hpp"

using namespace troupe::gpu;

TEST_CASE("CUDA copy_batch_slot: copies the slot that the step names, and no more") {
  for (const std::size_t bytes : {1U, 16U, 77U, 4096U, 100'000U}) {
    for (const std::size_t misplaced : {0U, 1U}) {
      const std::size_t slot_bytes = (bytes + 63) / 64 * 64;
      const auto ring = allocate_host(3 * slot_bytes + misplaced);
      for (std::size_t i = 0; i < ring->size_bytes(); ++i) {
        ring->data()[i] = static_cast<std::byte>(i * 37 >> 3);
      }
      const auto to = allocate_host(bytes + 16);
      for (const std::uint32_t slot : {0U, 2U, 1U}) {
        StepState step;
        step.batch_slot = slot;
        cuda::copy_batch_slot(nullptr, ring->data() + misplaced, slot_bytes, bytes, &step,
                              to->data());
        const std::byte* const from = ring->data() + misplaced + slot * slot_bytes;
        CHECK(std::memcmp(to->data(), from, bytes) == 0);
        for (std::size_t i = bytes; i < bytes + 16; ++i) CHECK(to->data()[i] == std::byte{0});
      }
    }
  }
}
