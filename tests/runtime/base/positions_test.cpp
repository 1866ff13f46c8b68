#include "runtime/base/positions.hpp"

#include "runtime/base/error.hpp"

using troupe::default_shards;
using troupe::Error;
using troupe::PositionRange;
using troupe::Positions;

TEST_CASE("Positions: the default S is the largest power of two that leaves 32 a shard (JOB-2)") {
  CHECK(default_shards(1) == 1);
  CHECK(default_shards(32) == 1);
  CHECK(default_shards(63) == 1);
  CHECK(default_shards(64) == 2);
  CHECK(default_shards(65) == 1);
  CHECK(default_shards(96) == 2);
  CHECK(default_shards(128) == 4);
  CHECK(default_shards(250) == 2);
  CHECK(default_shards(256) == 8);
  CHECK(default_shards(260) == 4);
  CHECK(default_shards(1 << 20) == 8);
  CHECK_THROWS_WITH_AS(default_shards(0), "positions: expected a batch of 1 to 2147483647, got 0",
                       Error);
}

TEST_CASE("Positions: step t takes [tB, (t+1)B), across the ends of epochs (JOB-1)") {
  const Positions positions{10, 4, 2, 2};  // 20 positions, 5 steps
  CHECK(positions.steps() == 5);
  CHECK(positions.step(0) == PositionRange{0, 4});
  CHECK(positions.step(2) == PositionRange{8, 12});
  CHECK(positions.epoch_of(9) == 0);
  CHECK(positions.epoch_of(10) == 1);
  CHECK(positions.place_of(11) == 1);
  CHECK(positions.unused() == PositionRange{20, 20});
}

TEST_CASE("Positions: epoch e ends at step ceil(eN / B), the rest of the job is unused (JOB-1)") {
  const Positions positions{10, 4, 3, 1};  // 30 positions, 7 steps, 2 left
  CHECK(positions.steps() == 7);
  CHECK(positions.epoch_end(1) == 3);
  CHECK(positions.epoch_end(2) == 5);
  CHECK(positions.epoch_end(3) == 8);
  CHECK(positions.unused() == PositionRange{28, 30});
  CHECK(positions.unused().count() == 2);
  const Positions small{3, 8, 1, 8};
  CHECK(small.steps() == 0);
  CHECK(small.unused() == PositionRange{0, 3});
}

TEST_CASE("Positions: the shards of the steps take every position once, in order (JOB-2)") {
  const Positions positions{7, 6, 5, 3};
  std::uint64_t next = 0;
  for (std::uint64_t t = 0; t < positions.steps(); ++t) {
    CHECK(positions.step(t).first == next);
    for (std::uint32_t s = 0; s < positions.shards(); ++s) {
      CHECK(positions.shard(t, s) == PositionRange{next, next + 2});
      next += 2;
    }
    CHECK(positions.step(t).last == next);
  }
  CHECK(positions.unused().first == next);
  CHECK(positions.unused().last == 35);
}

TEST_CASE("Positions: the largest job does not overflow") {
  const std::int64_t samples = std::int64_t{1} << 40;
  const Positions positions{samples, 1, 1 << 22, 1};
  CHECK(positions.steps() == std::uint64_t{1} << 62);
  CHECK(positions.epoch_end(1 << 22) == std::uint64_t{1} << 62);
}

TEST_CASE("Positions: refuses what is no job") {
  CHECK_THROWS_AS(Positions(0, 1, 1, 1), Error);
  CHECK_THROWS_AS(Positions((std::int64_t{1} << 40) + 1, 1, 1, 1), Error);
  CHECK_THROWS_AS(Positions(1, -1, 1, 1), Error);
  CHECK_THROWS_AS(Positions(1, 1, 0, 1), Error);
  CHECK_THROWS_WITH_AS(Positions(10, 8, 1, 3),
                       "positions: expected shards that divide the batch of 8, got 3", Error);
  CHECK_THROWS_AS(Positions(10, 8, 1, 0), Error);
  CHECK_THROWS_WITH_AS(Positions(10, 8, 1, 4).shard(0, 4),
                       "positions: expected a shard below 4, got 4", Error);
}
