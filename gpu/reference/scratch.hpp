#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace troupe::gpu::reference {

/// Floats of a kernel's own, aligned to 64 bytes, allocated when it is made.
class Scratch {
 public:
  explicit Scratch(std::int64_t floats) : lines_(static_cast<std::size_t>(floats + 15) / 16) {}
  float* data() { return lines_.empty() ? nullptr : lines_.front().floats.data(); }

 private:
  struct alignas(64) Line {
    std::array<float, 16> floats;
  };
  std::vector<Line> lines_;
};

}  // namespace troupe::gpu::reference
