#include "actors/deployer/batcher.hpp"

#include <set>

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;

namespace {
const auto all = [](std::uint64_t) { return true; };
constexpr TimePoint start{};
}  // namespace

TEST_CASE("Batcher: a batch is ready when it is full or its oldest rows have waited enough") {
  Batcher batcher{4, 10ms};
  CHECK(!batcher.due());
  batcher.add(1, 1, start);
  batcher.add(2, 2, start + 4ms);
  CHECK(batcher.due() == start + 10ms);
  CHECK(batcher.take(start + 9ms, all).empty());
  CHECK(batcher.take(start + 10ms, all) == std::vector<Piece>{{1, 0, 1}, {2, 0, 2}});
  CHECK(batcher.empty());
  batcher.add(3, 3, start);
  batcher.add(4, 1, start);
  CHECK(batcher.take(start, all).size() == 2);
}

TEST_CASE("Batcher: a request with more rows than a batch is split, and every row comes once") {
  Batcher batcher{4, 10ms};
  batcher.add(1, 10, start);
  batcher.add(2, 1, start);
  CHECK(batcher.take(start, all) == std::vector<Piece>{{1, 0, 4}});
  CHECK(batcher.take(start, all) == std::vector<Piece>{{1, 4, 4}});
  CHECK(batcher.rows() == 3);
  CHECK(batcher.take(start, all).empty());
  CHECK(batcher.take(start + 10ms, all) == std::vector<Piece>{{1, 8, 2}, {2, 0, 1}});
}

TEST_CASE("Batcher: pieces that are put back come first and at once, unwanted ones never") {
  Batcher batcher{4, 10ms};
  batcher.add(1, 2, start);
  batcher.add(2, 2, start);
  const std::vector<Piece> batch = batcher.take(start, all);
  batcher.add(3, 1, start);
  batcher.put_back(batch);
  CHECK(batcher.take(start, [](std::uint64_t id) { return id != 1; }) ==
        std::vector<Piece>{{2, 0, 2}, {3, 0, 1}});
  CHECK(batcher.empty());
  CHECK(batcher.rows() == 0);
}
