#include "gpu/cuda/dnn/wide_channels.hpp"

#include <cstddef>
#include <utility>
#include <vector>

#include "gpu/cuda/body_node.hpp"

using namespace troupe::gpu;
using namespace troupe::gpu::cuda::dnn;

TEST_CASE("Wide channels: as many as fill runs of 16 bytes") {
  CHECK(wide_channels(1, DType::f32) == 4);
  CHECK(wide_channels(4, DType::f32) == 4);
  CHECK(wide_channels(5, DType::f32) == 8);
  CHECK(wide_channels(4, DType::bf16) == 8);
  CHECK(wide_channels(64, DType::bf16) == 64);
}

TEST_CASE("Wide channels: the node sees channels of 0 behind its own, and its outputs lose them") {
  // x [2, 3] in, a workspace, y [2, 3] behind a leading number out.
  std::vector<float> seen;
  void* workspace_seen = nullptr;
  auto inner = cuda::node_of(40, [&](cuda::StreamHandle, void* const* o, void*) {
    const auto* const x = static_cast<const float*>(o[0]);
    seen.assign(x, x + 8);
    workspace_seen = o[1];
    auto* const y = static_cast<float*>(o[2]);
    y[0] = 100;
    for (int i = 0; i < 8; ++i) y[1 + i] = x[i] + 10;
  });
  const auto node = with_wide_channels(std::move(inner), 3, 4, 3,
                                       {{0, 2, sizeof(float)}, {2, 2, sizeof(float), true, 4}});
  std::vector<float> x{1, 2, 3, 4, 5, 6}, y(7, -1.0F), workspace(1);
  std::vector<std::byte> scratch(node->scratch_bytes(), std::byte{0xff});
  void* operands[] = {x.data(), workspace.data(), y.data()};
  node->enqueue(nullptr, operands, scratch.data());
  CHECK(seen == std::vector<float>{1, 2, 3, 0, 4, 5, 6, 0});
  CHECK(workspace_seen == workspace.data());
  CHECK(y == std::vector<float>{100, 11, 12, 13, 14, 15, 16});
}
