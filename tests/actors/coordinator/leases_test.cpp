#include "actors/coordinator/leases.hpp"

#include <optional>
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

TEST_CASE(
    "what a trainer tells of its speed is smoothed, and who tells nothing counts as the mean") {
  MeasuredSpeed speed;
  CHECK_FALSE(speed.value());
  speed.add(0, 1.0);
  CHECK_FALSE(speed.value());
  speed.add(10, 2.0);
  CHECK(speed.value() == 5.0);
  speed.add(10, 1.0);
  CHECK(speed.value() == 7.5);
  speed.add(1, 0.0);  // a clock that stood still
  CHECK(*speed.value() < 1e10);
  const std::vector<std::optional<double>> told{2.0, {}, 4.0};
  CHECK(filled_in(told) == std::vector<double>{2.0, 3.0, 4.0});
  CHECK(filled_in(std::vector<std::optional<double>>(2)) == std::vector<double>{1.0, 1.0});
}

TEST_CASE("a step takes as long as the slowest of its trainers") {
  const std::vector<double> speeds{1.0, 4.0};
  CHECK(step_time(std::vector<Subtree>{{0, 4}, {4, 4}}, speeds) == 4.0);
  CHECK(step_time(share_out(8, speeds, SharePolicy::least_loaded), speeds) == 2.0);
  CHECK(step_time({}, {}) == 0.0);
}
