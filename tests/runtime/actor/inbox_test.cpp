#include "runtime/actor/inbox.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>


using namespace troupe::runtime;

namespace {

Envelope numbered(std::uint64_t sender, std::uint64_t number) {
  Envelope envelope;
  envelope.type = sender;
  envelope.request = number;
  return envelope;
}

std::vector<std::uint64_t> taken(Inbox& inbox) {
  std::vector<std::uint64_t> numbers;
  for (Envelope envelope; inbox.take(envelope);) numbers.push_back(envelope.request);
  return numbers;
}

}  // namespace

TEST_CASE("Inbox: what was pushed is taken in order, and the first push wakes the taker (IN-1, IN-2)") {
  Inbox inbox{100};
  CHECK(inbox.push(numbered(0, 1)));
  CHECK_FALSE(inbox.push(numbered(0, 2)));
  Envelope envelope;
  REQUIRE(inbox.take(envelope));
  CHECK(envelope.request == 1);
  CHECK_FALSE(inbox.push(numbered(0, 3)));
  CHECK(inbox.depth() == 2);
  CHECK_FALSE(inbox.sleep());
  CHECK(taken(inbox) == std::vector<std::uint64_t>{2, 3});
  CHECK(inbox.depth() == 0);
  CHECK(inbox.sleep());
  CHECK(inbox.push(numbered(0, 4)));
  CHECK(taken(inbox) == std::vector<std::uint64_t>{4});
}

TEST_CASE("Inbox: it does not sleep over what came after it looked") {
  Inbox inbox{100};
  CHECK(inbox.push(numbered(0, 1)));
  CHECK(taken(inbox).size() == 1);
  CHECK_FALSE(inbox.push(numbered(0, 2)));
  CHECK_FALSE(inbox.sleep());
  CHECK(taken(inbox) == std::vector<std::uint64_t>{2});
}

TEST_CASE("Inbox: past its limit messages are thrown away, until some were taken; turns are not") {
  Inbox inbox{2};
  for (std::uint64_t i = 0; i < 4; ++i) static_cast<void>(inbox.push(numbered(0, i)));
  CHECK(inbox.depth() == 2);
  static_cast<void>(inbox.push(turn([](Cell&) {})));
  CHECK(inbox.depth() == 3);
  CHECK(taken(inbox).size() == 3);
  for (std::uint64_t i = 10; i < 14; ++i) static_cast<void>(inbox.push(numbered(0, i)));
  CHECK(taken(inbox) == std::vector<std::uint64_t>{10, 11});
}

TEST_CASE("Inbox: closed, it throws away what waits and what comes, and wakes nobody") {
  Inbox inbox{100};
  int alive = 0;
  const auto counted = [&alive] {
    ++alive;
    return turn([token = std::shared_ptr<int>{&alive, [](int* count) { --*count; }}](Cell&) {});
  };
  static_cast<void>(inbox.push(counted()));
  static_cast<void>(inbox.push(counted()));
  Envelope first;
  CHECK(inbox.take(first));
  static_cast<void>(inbox.push(counted()));
  CHECK(alive == 3);
  inbox.close();
  CHECK(alive == 1);
  CHECK_FALSE(inbox.push(counted()));
  CHECK(alive == 1);
  CHECK_FALSE(inbox.take(first));
  CHECK_FALSE(inbox.sleep());
  inbox.close();
}

TEST_CASE("Inbox: of many senders each message comes once and in its sender's order, and no wake-up is lost") {
  constexpr std::uint64_t senders = 4, each = 20'000;
  Inbox inbox{senders * each};
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t awake = 0;  // wake-ups that nobody has followed yet
  std::vector<std::uint64_t> next(senders);
  std::uint64_t wakes = 0, slept = 0;
  std::atomic<bool> in_order{true};
  // Two takers that take turns, as the threads of a scheduler do.
  const auto take_turns = [&] {
    for (;;) {
      std::unique_lock lock{mutex};
      changed.wait(lock, [&] { return awake > 0 || slept == senders * each; });
      if (awake == 0) return;
      --awake;
      lock.unlock();
      std::uint64_t came = 0;
      do {
        for (Envelope envelope; inbox.take(envelope); ++came)
          if (envelope.request != next[envelope.type]++) in_order = false;
        lock.lock();
        slept += std::exchange(came, 0);
        if (slept == senders * each) changed.notify_all();
        lock.unlock();
      } while (!inbox.sleep());
    }
  };
  std::vector<std::thread> threads;
  threads.emplace_back(take_turns);
  threads.emplace_back(take_turns);
  for (std::uint64_t sender = 0; sender < senders; ++sender) {
    threads.emplace_back([&, sender] {
      for (std::uint64_t i = 0; i < each; ++i) {
        if (!inbox.push(numbered(sender, i))) continue;
        const std::lock_guard lock{mutex};
        ++awake;
        ++wakes;
        changed.notify_one();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(in_order);
  CHECK(next == std::vector<std::uint64_t>(senders, each));
  CHECK(wakes > 0);
  CHECK(inbox.depth() == 0);
}
