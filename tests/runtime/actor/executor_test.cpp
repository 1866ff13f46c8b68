#include "runtime/actor/executor.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "runtime/actor/executor_threads.hpp"
#include "runtime/actor/timer_table.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"
#include "runtime/base/virtual_clock.hpp"

using namespace std::chrono_literals;
using troupe::Error;
using troupe::ErrorCode;
using troupe::VirtualClock;
using troupe::runtime::Executor;
using troupe::runtime::ExecutorOptions;
using troupe::runtime::ExecutorThreads;
using troupe::runtime::HangReport;
using troupe::runtime::TimerTable;

namespace {

// The owner's mailbox; the test's own thread is the owner's context.
class Owner {
 public:
  Executor::Post post() {
    return [this](std::function<void()> message) {
      const std::scoped_lock lock{mutex_};
      if (gone_) return false;
      messages_.push_back(std::move(message));
      arrived_.notify_all();
      return true;
    };
  }

  /// Runs the next message, which must come.
  void run_next() {
    std::function<void()> message;
    {
      std::unique_lock lock{mutex_};
      REQUIRE(arrived_.wait_for(lock, 1min, [this] { return !messages_.empty(); }));
      message = std::move(messages_.front());
      messages_.pop_front();
    }
    message();
  }

  void run_next(int messages) {
    for (int i = 0; i < messages; ++i) run_next();
  }

  bool has_messages() {
    const std::scoped_lock lock{mutex_};
    return !messages_.empty();
  }

  void leave() {
    const std::scoped_lock lock{mutex_};
    gone_ = true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::function<void()>> messages_;
  bool gone_ = false;
};

// An event that happens once.
class Event {
 public:
  void set() { promise_.set_value(); }
  void wait() const {
    if (future_.wait_for(1min) != std::future_status::ready) {
      throw std::runtime_error{"the event did not come"};
    }
  }

 private:
  std::promise<void> promise_;
  std::shared_future<void> future_ = promise_.get_future().share();
};

struct Node {
  explicit Node(ExecutorThreads::Mode mode = ExecutorThreads::Mode::threads) : threads{mode} {}
  // Waits for the jobs: what they refer to is declared before the node.
  ~Node() { CHECK(threads.wait_until_none(1min).empty()); }

  std::unique_ptr<Executor> executor(ExecutorOptions options = {}) {
    if (options.name.empty()) options.name = "io";
    return std::make_unique<Executor>(owner.post(), timers, clock, threads, std::move(options));
  }

  void advance(troupe::Duration by) {
    clock.advance(by);
    timers.run_due(clock.now());
  }

  VirtualClock clock;
  TimerTable timers;
  ExecutorThreads threads;
  Owner owner;
};

}  // namespace

TEST_CASE("Executor: jobs run in order on one other thread, and their results come in that order") {
  Node node;
  const auto executor = node.executor();
  std::vector<int> ran;  // by the jobs' thread alone
  std::vector<int> came;
  std::vector<std::thread::id> where;
  for (int i = 0; i < 100; ++i) {
    executor->run(
        [&ran, i] {
          ran.push_back(i);
          return std::pair{i, std::this_thread::get_id()};
        },
        [&](std::pair<int, std::thread::id> result) {
          came.push_back(result.first);
          where.push_back(result.second);
        });
  }
  node.owner.run_next(100);
  for (int i = 0; i < 100; ++i) {
    CHECK(ran[i] == i);
    CHECK(came[i] == i);
    CHECK(where[i] == where[0]);
  }
  CHECK(where[0] != std::this_thread::get_id());
}

TEST_CASE("Executor: jobs without a result, and captures and results that can only be moved") {
  Node node;
  const auto executor = node.executor();
  int told = 0;
  executor->run([] {}, [&] { ++told; });
  executor->run([](std::stop_token stop) { CHECK_FALSE(stop.stop_requested()); }, [&] { ++told; });
  executor->run(
      [value = std::make_unique<int>(5)]() mutable { return std::move(value); },
      [&, one = std::make_unique<int>(1)](std::unique_ptr<int> five) { told += *five + *one; });
  node.owner.run_next(3);
  CHECK(told == 8);
}

TEST_CASE("Executor: each job starts in the float environment of JOB-6") {
  Node node;
  const auto executor = node.executor();
  bool expected = false;
  {
    const troupe::FloatEnvironment environment;
    expected = troupe::float_environment_is_set();
  }
  executor->run([] { return troupe::float_environment_is_set(); },
                [&](bool set) { CHECK(set == expected); });
  node.owner.run_next();
}

TEST_CASE("Executor: what a job throws is thrown in the owner's context, and the next job runs") {
  Node node;
  const auto executor = node.executor();
  int answered = 0;
  executor->run(
      []() -> int {
        throw Error{ErrorCode::bad_input, "no such file"};
      },
      [](int) { FAIL("it has no result"); });
  executor->run([] { return 1; }, [&](int one) { answered += one; });
  CHECK_THROWS_WITH_AS(node.owner.run_next(), "no such file", Error);
  node.owner.run_next();
  CHECK(answered == 1);
}

TEST_CASE("Executor: what a job throws goes to otherwise where there is one") {
  Node node;
  const auto executor = node.executor();
  std::string heard;
  executor->run([] { throw std::runtime_error{"disk"}; }, [] { FAIL("it has no result"); },
                [&](const std::exception_ptr& thrown) {
                  try {
                    std::rethrow_exception(thrown);
                  } catch (const std::runtime_error& error) {
                    heard = error.what();
                  }
                });
  node.owner.run_next();
  CHECK(heard == "disk");
}

TEST_CASE("Executor: at_start runs once, on the thread; while it throws, jobs fail with its text") {
  Node node;
  int tries = 0;
  const auto executor = node.executor({.name = "gpu", .at_start = [&] {
                                         if (++tries == 1) throw std::runtime_error{"no device"};
                                       }});
  int answered = 0;
  for (int i = 0; i < 3; ++i) executor->run([] {}, [&] { ++answered; });
  CHECK_THROWS_WITH(node.owner.run_next(), "no device");
  node.owner.run_next(2);
  CHECK(answered == 2);
  CHECK(tries == 2);
}

TEST_CASE("Executor: a job too many is refused by name, and room is made by running") {
  Event go;
  Event began;
  Node node;
  const auto executor = node.executor({.name = "decode", .max_queued = 2});
  int answered = 0;
  const auto count = [&] { ++answered; };
  executor->run(
      [&] {
        began.set();
        go.wait();
      },
      count);
  began.wait();
  executor->run([] {}, count);
  executor->run([] {}, count);
  CHECK(executor->queued() == 2);
  CHECK_THROWS_WITH_AS(
      executor->run_as(
          "image 7", [] {}, count),
      "executor 'decode': job 'image 7' is refused: 2 jobs are waiting, as many as it "
      "may hold",
      Error);
  go.set();
  node.owner.run_next(3);
  executor->run([] {}, count);
  node.owner.run_next();
  CHECK(answered == 4);
}

TEST_CASE("Executor: at its end the running job is asked to stop and what waits is dropped") {
  Event began;
  Event go;
  bool asked = false;  // read when the thread is gone
  Node node;
  const auto held_by_job = std::make_shared<int>();
  const auto held_by_answer = std::make_shared<int>();
  auto executor = node.executor();
  executor->run(
      [&](std::stop_token stop) {
        began.set();
        go.wait();
        asked = stop.stop_requested();
      },
      [held_by_answer] { FAIL("nobody is left"); });
  executor->run([held_by_job] { FAIL("it was dropped"); }, [] { FAIL("nobody is left"); });
  began.wait();
  executor.reset();  // does not wait for the job
  CHECK(held_by_job.use_count() == 1);
  CHECK(held_by_answer.use_count() == 1);
  CHECK(node.threads.wait_until_none(0ms) == std::vector<std::string>{"io"});
  go.set();
  CHECK(node.threads.wait_until_none(1min).empty());
  CHECK(asked);
  CHECK_FALSE(node.owner.has_messages());
}

TEST_CASE("Executor: an answer that is on its way when the executor ends is not run") {
  Event second;
  Node node;
  auto executor = node.executor();
  executor->run([] { return 1; }, [](int) { FAIL("nobody is left"); });
  executor->run([&] { second.set(); }, [] { FAIL("nobody is left"); });
  second.wait();  // so the first one's answer was posted
  executor.reset();
  CHECK(node.threads.wait_until_none(1min).empty());
  while (node.owner.has_messages()) node.owner.run_next();
}

TEST_CASE("Executor: takes no more jobs after shutdown()") {
  Node node;
  const auto executor = node.executor();
  executor->shutdown();
  executor->shutdown();
  CHECK_THROWS_WITH_AS(executor->run([] {}, [] {}), "executor 'io': a job is refused: it has ended",
                       Error);
}

TEST_CASE("Executor: may be ended by one of its own answers, and answers may hand it more") {
  Node node;
  auto executor = node.executor();
  int steps = 0;
  executor->run([] {},
                [&] {
                  ++steps;
                  executor->run([] {},
                                [&] {
                                  ++steps;
                                  executor.reset();
                                });
                  executor->run([] {}, [] { FAIL("nobody is left"); });
                });
  node.owner.run_next(2);
  CHECK(steps == 2);
  CHECK(node.threads.wait_until_none(1min).empty());
  while (node.owner.has_messages()) node.owner.run_next();
}

TEST_CASE("Executor: goes on quietly while its owner is gone") {
  Event second;
  Node node;
  const auto executor = node.executor();
  node.owner.leave();
  executor->run([] {}, [] { FAIL("nobody is left"); });
  executor->run([&] { second.set(); }, [] { FAIL("nobody is left"); });
  second.wait();
}

TEST_CASE("Executor: a job is asked to stop at its deadline, and may still answer") {
  Event began;
  Event stopped;
  Node node;
  const auto executor = node.executor({.name = "io", .deadline = 10s, .grace = 2s});
  executor->run(
      [&](std::stop_token stop) {
        const std::stop_callback told{stop, [&] { stopped.set(); }};
        began.set();
        stopped.wait();
        return 3;
      },
      [](int three) { CHECK(three == 3); });
  began.wait();
  node.advance(10s - 1ns);
  CHECK_FALSE(node.owner.has_messages());
  node.advance(1ns);
  node.owner.run_next();
  node.advance(1h);
  CHECK_FALSE(node.owner.has_messages());
  CHECK_FALSE(node.timers.next_due().has_value());
}

TEST_CASE("Executor: a job in time leaves no timer, and its deadline is its own") {
  Node node;
  const auto executor = node.executor({.name = "io", .deadline = 10s});
  for (int i = 0; i < 3; ++i) {
    executor->run([] {}, [] {});
    node.owner.run_next();
    CHECK_FALSE(node.timers.next_due().has_value());
    node.advance(9s);
  }
  CHECK_FALSE(node.owner.has_messages());
}

TEST_CASE("Executor: a job that hangs ends the owner, and its result never comes") {
  Event began;
  Event go;
  Node node;
  {
    const auto executor = node.executor({.name = "fsync", .deadline = 10s, .grace = 2s});
    executor->run_as(
        "version 4",
        [&] {
          began.set();
          go.wait();
          return 1;
        },
        [](int) { FAIL("it was abandoned"); });
    executor->run([] { FAIL("not behind one that hangs"); }, [] {});
    began.wait();
    node.advance(10s);
    node.advance(2s - 1ns);
    CHECK_FALSE(node.owner.has_messages());
    node.advance(1ns);
    std::string reason;
    try {
      node.owner.run_next();
    } catch (const Error& error) {
      reason = error.what();
    }
    CHECK(reason.find(
              "executor 'fsync': job 'version 4' has run for 12 s, past its deadline of 10 s, "
              "did not stop within 2 s and was abandoned") == 0);
    CHECK(executor->queued() == 0);
    CHECK_THROWS_WITH_AS(executor->run([] {}, [] {}),
                         "executor 'fsync': a job is refused: job 'version 4' hangs in it", Error);
    go.set();
    CHECK(node.threads.wait_until_none(1min).empty());
  }
  CHECK_FALSE(node.owner.has_messages());
}

TEST_CASE("Executor: who asks for it is told of a hang, and may go on with another executor") {
  Event began;
  Event go;
  Node node;
  int told = 0;
  std::unique_ptr<Executor> executor;
  const auto on_hang = [&](const HangReport& report) {
    CHECK(report.executor == "io");
    CHECK(report.job.empty());
    CHECK(report.ran_for == 4s);
    executor = node.executor();
    executor->run([] {}, [&] { ++told; });
  };
  executor = node.executor({.name = "io", .deadline = 3s, .on_hang = on_hang});
  executor->run(
      [&] {
        began.set();
        go.wait();
      },
      [] { FAIL("it was abandoned"); });
  began.wait();
  node.advance(3s);
  node.advance(1s);
  node.owner.run_next(2);
  CHECK(told == 1);
  go.set();
}

TEST_CASE("Executor: one that ended in time reports no hang") {
  Event began;
  Event go;
  Node node;
  auto executor = node.executor({.name = "io", .deadline = 3s});
  executor->run(
      [&] {
        began.set();
        go.wait();
      },
      [] {});
  began.wait();
  node.advance(3s);
  executor.reset();
  CHECK_FALSE(node.timers.next_due().has_value());
  node.advance(1h);
  CHECK_FALSE(node.owner.has_messages());
  go.set();
}

TEST_CASE("Executor: by hand, jobs run on the caller's thread in the order of all executors") {
  Node node{ExecutorThreads::Mode::manual};
  auto first = node.executor({.name = "first"});
  auto second = node.executor({.name = "second", .max_queued = 2});
  std::string ran;
  std::string answered;
  const auto hand = [&](Executor& executor, char name) {
    executor.run(
        [&ran, name] {
          ran += name;
          return name;
        },
        [&answered](char its_name) { answered += its_name; });
  };
  hand(*first, 'a');
  hand(*second, 'b');
  hand(*first, 'c');
  hand(*second, 'd');
  CHECK_THROWS_AS(hand(*second, 'x'), Error);
  CHECK(ran.empty());
  CHECK(node.threads.run_one());
  CHECK(ran == "a");
  CHECK(answered.empty());
  CHECK(node.threads.run_one());
  first.reset();
  CHECK(node.threads.run_all() == 1);
  CHECK(ran == "abd");
  while (node.owner.has_messages()) node.owner.run_next();
  CHECK(answered == "bd");  // the answer to 'a' was dropped with its executor
  CHECK_FALSE(troupe::float_environment_is_set());
}

TEST_CASE("Executor: options out of range are refused by name") {
  Node node;
  CHECK_THROWS_WITH_AS(node.executor({.name = "io", .max_queued = 0}),
                       "executor 'io': max_queued must be at least 1, is 0", Error);
  CHECK_THROWS_WITH_AS(node.executor({.name = "io", .deadline = 0s}),
                       "executor 'io': deadline must be positive, is 0 s", Error);
  CHECK_THROWS_WITH_AS(node.executor({.name = "io", .grace = -1s}),
                       "executor 'io': grace must not be negative, is -1 s", Error);
}
