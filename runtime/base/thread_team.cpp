#include "runtime/base/thread_team.hpp"

#include <system_error>
#include <utility>

#include "runtime/base/float_environment.hpp"

namespace troupe {

ThreadTeam::ThreadTeam(unsigned members) {
  threads_.reserve(members);
  try {
    for (unsigned member = 1; member < members; ++member)
      threads_.emplace_back([this, member] { work(member); });
  } catch (const std::system_error&) {  // those that are there do it
  }
}

ThreadTeam::~ThreadTeam() {
  {
    const std::lock_guard lock{mutex_};
    ended_ = true;
  }
  begun_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadTeam::run(const std::function<void(unsigned)>& part) {
  if (threads_.empty()) {
    const FloatEnvironment environment;
    return part(0);
  }
  {
    const std::lock_guard lock{mutex_};
    part_ = &part;
    thrown_ = nullptr;
    busy_ = static_cast<unsigned>(threads_.size());
    ++round_;
  }
  begun_.notify_all();
  call(part, 0);
  std::unique_lock lock{mutex_};
  done_.wait(lock, [this] { return busy_ == 0; });
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

void ThreadTeam::call(const std::function<void(unsigned)>& part, unsigned member) {
  try {
    const FloatEnvironment environment;
    part(member);
  } catch (...) {
    const std::lock_guard lock{mutex_};
    if (!thrown_) thrown_ = std::current_exception();
  }
}

void ThreadTeam::work(unsigned member) {
  std::uint64_t round = 0;
  std::unique_lock lock{mutex_};
  for (;;) {
    begun_.wait(lock, [&] { return ended_ || round_ != round; });
    if (ended_) return;
    round = round_;
    const auto* const part = part_;
    lock.unlock();
    call(*part, member);
    lock.lock();
    if (--busy_ == 0) done_.notify_one();
  }
}

}  // namespace troupe
