#include "gpu/nn/memory_plan.hpp"

using namespace troupe::gpu::nn;

namespace {

bool overlaps(const MemoryPlan& plan, std::span<const Lifetime> lifetimes, std::size_t a,
              std::size_t b) {
  const bool at_once =
      lifetimes[a].first <= lifetimes[b].last && lifetimes[b].first <= lifetimes[a].last;
  const bool in_space = plan.offsets[a] < plan.offsets[b] + lifetimes[b].bytes &&
                        plan.offsets[b] < plan.offsets[a] + lifetimes[a].bytes;
  return at_once && in_space && lifetimes[a].bytes > 0 && lifetimes[b].bytes > 0;
}

}  // namespace

TEST_CASE("MemoryPlan: buffers that follow one another share memory") {
  const std::array lifetimes = {Lifetime{0, 1, 1000}, Lifetime{1, 2, 500}, Lifetime{2, 3, 900},
                                Lifetime{3, 4, 64}};
  const MemoryPlan plan = plan_memory(lifetimes);
  CHECK(plan.arena_bytes == 1024 + 512);
  CHECK(plan.offsets[0] == plan.offsets[2]);
}

TEST_CASE("MemoryPlan: no two buffers that live at once overlap, whatever their sizes") {
  std::mt19937_64 random{7};
  for (int round = 0; round < 200; ++round) {
    std::vector<Lifetime> lifetimes;
    for (int i = 0; i < 40; ++i) {
      const auto first = static_cast<std::int64_t>(random() % 50);
      lifetimes.push_back(
          {first, first + static_cast<std::int64_t>(random() % 20), random() % 5000});
    }
    const MemoryPlan plan = plan_memory(lifetimes);
    for (std::size_t a = 0; a < lifetimes.size(); ++a) {
      CHECK(plan.offsets[a] % 64 == 0);
      CHECK(plan.offsets[a] + lifetimes[a].bytes <= plan.arena_bytes);
      for (std::size_t b = 0; b < a; ++b) CHECK_FALSE(overlaps(plan, lifetimes, a, b));
    }
  }
}
