#include "actors/deployer/inbound.hpp"

#include <memory>
#include <vector>

using troupe::actors::Inbound;

namespace {

/// An item that leads back to where it lies, as a request's answer does to the server that took it.
struct Item {
  int number;
  std::shared_ptr<void> back;
};

}  // namespace

TEST_CASE("Inbound: what came before the turn is taken in it, in order") {
  std::vector<std::function<void()>> turns;
  std::vector<int> taken;
  const auto inbound = std::make_shared<Inbound<int>>(
      [&](std::function<void()> turn) {
        turns.push_back(std::move(turn));
        return true;
      },
      [&](int item) { taken.push_back(item); });
  for (int i = 0; i < 3; ++i) inbound->push(i);
  REQUIRE(turns.size() == 1);
  turns[0]();
  CHECK(taken == std::vector<int>{0, 1, 2});
  inbound->push(3);
  REQUIRE(turns.size() == 2);
  turns[1]();
  CHECK(taken.back() == 3);
}

TEST_CASE("Inbound: items are let go if the actor is gone, or ends before its turn") {
  for (const bool gone : {true, false}) {
    std::function<void()> waiting;
    auto inbound = std::make_shared<Inbound<Item>>(
        [&](std::function<void()> turn) {
          if (!gone) waiting = std::move(turn);
          return !gone;
        },
        [](Item) { FAIL("nobody took it"); });
    const std::weak_ptr<void> watched = inbound;
    inbound->push({1, inbound});
    inbound->push({2, inbound});
    inbound.reset();
    waiting = nullptr;
    CHECK(watched.expired());
  }
}
