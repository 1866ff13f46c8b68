#include "runtime/actor/executor_threads.hpp"

#include <chrono>
#include <future>

using namespace std::chrono_literals;
using troupe::runtime::ExecutorThreads;

TEST_CASE("ExecutorThreads: names the threads that are left when its patience ends") {
  ExecutorThreads threads;
  CHECK(threads.wait_until_none(0ms).empty());
  std::promise<void> end;
  threads.start("slow", [ended = end.get_future().share()] { ended.wait(); });
  CHECK(threads.wait_until_none(1ms) == std::vector<std::string>{"slow"});
  end.set_value();
  CHECK(threads.wait_until_none(1min).empty());
}

TEST_CASE("ExecutorThreads: what a thread holds is gone before the thread no longer counts") {
  ExecutorThreads threads;
  const auto held = std::make_shared<int>();
  threads.start("holder", [held] {});
  CHECK(threads.wait_until_none(1min).empty());
  CHECK(held.use_count() == 1);
}

TEST_CASE("ExecutorThreads: a thread may outlive the register") {
  std::promise<void> end;
  std::promise<void> ran;
  {
    ExecutorThreads threads;
    threads.start("longer", [&ran, ended = end.get_future().share()] {
      ended.wait();
      ran.set_value();
    });
  }
  end.set_value();
  CHECK(ran.get_future().wait_for(1min) == std::future_status::ready);
}

TEST_CASE(
    "ExecutorThreads: by hand, turns run in order, and those that were dropped are passed over") {
  ExecutorThreads threads{ExecutorThreads::Mode::manual};
  std::string ran;
  const auto add = [&](char name, bool runs) {
    threads.add_turn([&ran, name, runs] {
      if (runs) ran += name;
      return runs;
    });
  };
  CHECK_FALSE(threads.run_one());
  add('x', false);
  add('a', true);
  add('x', false);
  CHECK(threads.run_one());
  CHECK_FALSE(threads.run_one());
  CHECK(ran == "a");
  add('b', true);
  add('x', false);
  threads.add_turn([&] {
    add('d', true);
    return true;
  });
  CHECK(threads.run_all() == 2);
  CHECK(ran == "ab");
  CHECK(threads.run_all() == 1);
  CHECK(ran == "abd");
}
