#include "runtime/actor/deadlines.hpp"

#include <chrono>
#include <map>
#include <random>
#include <utility>

using std::chrono::nanoseconds;
using troupe::TimePoint;
using troupe::runtime::Deadlines;

namespace {
using Ids = std::vector<std::uint64_t>;

TimePoint at(std::int64_t time) {
  return TimePoint{nanoseconds{time}};
}
}  // namespace

TEST_CASE("Deadlines: what is due comes in the order of its deadline, then of adding") {
  Deadlines deadlines;
  deadlines.add(at(30), 1);
  deadlines.add(at(10), 9);
  deadlines.add(at(10), 3);
  deadlines.add(at(20), 0);
  CHECK(deadlines.next_due() == at(10));
  CHECK(deadlines.take_due(at(9)).empty());
  CHECK(deadlines.take_due(at(20)) == Ids{9, 3, 0});
  CHECK(deadlines.size() == 1);
  CHECK(deadlines.next_due() == at(30));
  CHECK(deadlines.take_due(TimePoint::max()) == Ids{1});
  CHECK_FALSE(deadlines.next_due().has_value());
}

TEST_CASE("Deadlines: what was removed is never due") {
  Deadlines deadlines;
  CHECK_FALSE(deadlines.remove(1));
  deadlines.add(at(10), 1);
  deadlines.add(at(20), 2);
  CHECK(deadlines.remove(1));
  CHECK_FALSE(deadlines.remove(1));
  CHECK(deadlines.next_due() == at(20));
  CHECK(deadlines.take_due(at(100)) == Ids{2});
  CHECK_FALSE(deadlines.remove(2));
}

TEST_CASE("Deadlines: an id that is added again has its new deadline only") {
  Deadlines deadlines;
  deadlines.add(at(10), 1);
  deadlines.add(at(20), 2);
  deadlines.add(at(20), 1);
  CHECK(deadlines.size() == 2);
  CHECK(deadlines.next_due() == at(20));
  CHECK(deadlines.take_due(at(20)) == Ids{2, 1});
}

TEST_CASE("Deadlines: agree with a sorted map over many random additions and removals") {
  Deadlines deadlines;
  std::map<std::pair<TimePoint, std::uint64_t>, std::uint64_t> wanted;  // (due, order) -> id
  std::map<std::uint64_t, std::pair<TimePoint, std::uint64_t>> key_of;
  std::mt19937_64 random{4};
  std::int64_t now = 0;
  const auto forget = [&](std::uint64_t id) {
    const auto found = key_of.find(id);
    if (found == key_of.end()) return false;
    wanted.erase(found->second);
    key_of.erase(found);
    return true;
  };
  for (std::uint64_t step = 1; step <= 100'000; ++step) {
    const std::uint64_t id = random() % 300 * 0x1'0000'0000U;  // many share a home slot
    switch (random() % 8) {
      case 0:
        now += static_cast<std::int64_t>(random() % 20);
        {
          Ids due;
          while (!wanted.empty() && wanted.begin()->first.first <= at(now)) {
            due.push_back(wanted.begin()->second);
            forget(due.back());
          }
          REQUIRE(deadlines.take_due(at(now)) == due);
        }
        break;
      case 1:
      case 2:
      case 3:
        REQUIRE(deadlines.remove(id) == forget(id));
        break;
      default: {
        const TimePoint due = at(now + static_cast<std::int64_t>(random() % 200));
        forget(id);
        key_of[id] = {due, step};
        wanted[key_of[id]] = id;
        deadlines.add(due, id);
      }
    }
    REQUIRE(deadlines.size() == wanted.size());
    REQUIRE(deadlines.next_due().has_value() == !wanted.empty());
    if (!wanted.empty()) REQUIRE(*deadlines.next_due() == wanted.begin()->first.first);
  }
}
