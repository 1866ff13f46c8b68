#include "actors/deployer/balancer.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;

namespace {
const auto all = [](std::uint64_t) { return true; };

Balancer of_three(Balance balance) {
  Balancer balancer{balance};
  for (std::uint64_t id : {1, 2, 3}) balancer.add(id);
  return balancer;
}
}  // namespace

TEST_CASE(
    "Balancer: round robin gives each its turn, skips who may not, and ends when nobody has room") {
  Balancer balancer = of_three(Balance::round_robin);
  CHECK(balancer.assign(1, all) == 1);
  CHECK(balancer.assign(1, all) == 2);
  CHECK(balancer.assign(1, [](std::uint64_t id) { return id != 3; }) == 1);
  CHECK(balancer.assign(1, all) == 2);
  CHECK(balancer.assign(1, all) == 3);
  CHECK(balancer.assign(1, all) == 3);
  CHECK(!balancer.assign(1, all));
  balancer.done(2, 1, 1ms);
  CHECK(balancer.assign(1, all) == 2);
}

TEST_CASE("Balancer: least connections gives to the one with the fewest batches") {
  Balancer balancer = of_three(Balance::least_connections);
  CHECK(balancer.assign(1, all) == 1);
  CHECK(balancer.assign(1, all) == 2);
  balancer.done(1, 1, 1ms);
  CHECK(balancer.assign(1, all) == 3);
  CHECK(balancer.assign(1, all) == 1);
  balancer.remove(1);
  CHECK(balancer.assign(1, all) == 2);
}

TEST_CASE("Balancer: least load gives to the one that is done first, by what was measured") {
  Balancer balancer = of_three(Balance::least_load);
  for (const auto took : {1ms, 10ms, 4ms}) {
    const auto id = balancer.assign(1, all);
    balancer.done(*id, 1, took);
  }
  CHECK(balancer.assign(1, all) == 1);
  CHECK(balancer.assign(1, all) == 1);  // two rows at 1 ms
  CHECK(balancer.assign(1, all) == 3);
  CHECK(balancer.assign(1, all) == 3);  // two rows at 4 ms are done before one at 10 ms
  CHECK(balancer.assign(1, all) == 2);
}
