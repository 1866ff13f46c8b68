#include "runtime/actor/executor_threads.hpp"

#include <pthread.h>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "runtime/base/error.hpp"

namespace troupe::runtime {

struct ExecutorThreads::Live {
  void enter(const std::string& name) {
    const std::scoped_lock lock{mutex};
    names.insert(name);
  }
  void leave(const std::string& name) {
    const std::scoped_lock lock{mutex};
    names.erase(names.find(name));
    if (names.empty()) none.notify_all();
  }

  std::mutex mutex;
  std::condition_variable none;
  std::multiset<std::string> names;
};

struct ExecutorThreads::Turns {
  std::mutex mutex;
  std::deque<std::function<bool()>> waiting;
};

ExecutorThreads::ExecutorThreads(Mode mode)
    : mode_{mode}, live_{std::make_shared<Live>()}, turns_{std::make_shared<Turns>()} {}

void ExecutorThreads::start(const std::string& name, std::function<void()> body) {
  live_->enter(name);
  try {
    std::thread{[live = live_, name, body = std::move(body)]() mutable {
      pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());  // the kernel's bound
      body();
      body = nullptr;
      live->leave(name);
    }}.detach();
  } catch (const std::system_error& error) {
    live_->leave(name);
    throw Error{ErrorCode::exhausted,
                "executor '" + name + "': expected a thread, got none: " + error.what()};
  }
}

std::vector<std::string> ExecutorThreads::wait_until_none(Duration within) {
  std::unique_lock lock{live_->mutex};
  live_->none.wait_for(lock, within, [this] { return live_->names.empty(); });
  return {live_->names.begin(), live_->names.end()};
}

void ExecutorThreads::add_turn(std::function<bool()> turn) {
  const std::scoped_lock lock{turns_->mutex};
  turns_->waiting.push_back(std::move(turn));
}

bool ExecutorThreads::run_one() {
  for (;;) {
    std::function<bool()> turn;
    {
      const std::scoped_lock lock{turns_->mutex};
      if (turns_->waiting.empty()) return false;
      turn = std::move(turns_->waiting.front());
      turns_->waiting.pop_front();
    }
    if (turn()) return true;
  }
}

std::size_t ExecutorThreads::run_all() {
  std::deque<std::function<bool()>> turns;
  {
    const std::scoped_lock lock{turns_->mutex};
    turns.swap(turns_->waiting);
  }
  std::size_t ran = 0;
  for (const auto& turn : turns) ran += turn() ? 1 : 0;
  return ran;
}

}  // namespace troupe::runtime
