#include "actors/coordinator/leases.hpp"

#include <vector>

using namespace troupe;
using namespace troupe::actors;

TEST_CASE("shares are all shards, each once, as equal as can be or by speed") {
  for (std::uint32_t shards = 1; shards <= 40; ++shards) {
    for (std::size_t trainers = 1; trainers <= 9; ++trainers) {
      std::vector<double> speeds(trainers);
      for (std::size_t i = 0; i < trainers; ++i) speeds[i] = 1.0 + static_cast<double>(i % 3);
      for (const SharePolicy policy : {SharePolicy::round_robin, SharePolicy::least_loaded}) {
        const std::vector<Subtree> shares = share_out(shards, speeds, policy);
        REQUIRE(shares.size() == trainers);
        std::vector<int> times(shards, 0);
        for (const Subtree share : shares)
          for (std::uint32_t s = share.first; s < share.first + share.count; ++s) ++times.at(s);
        CHECK(times == std::vector<int>(shards, 1));
        if (policy == SharePolicy::round_robin)
          for (const Subtree share : shares) CHECK(share.count - shards / trainers <= 1);
      }
    }
  }
  CHECK(share_out(8, {}, SharePolicy::round_robin).empty());
  const std::vector<double> speeds{1.0, 3.0};
  CHECK(share_out(8, speeds, SharePolicy::least_loaded) == std::vector<Subtree>{{6, 2}, {0, 6}});
  CHECK(share_out(8, speeds, SharePolicy::round_robin) == std::vector<Subtree>{{0, 4}, {4, 4}});
}
