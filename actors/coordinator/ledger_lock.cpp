#include "actors/coordinator/ledger_lock.hpp"

#include <chrono>
#include <utility>

#include "runtime/base/error.hpp"

namespace troupe::actors {

using namespace std::chrono_literals;

namespace {
constexpr Duration again_after = 1ms;
constexpr Duration told_after = 100ms;
constexpr std::chrono::seconds within{10};
}  // namespace

LedgerLock::LedgerLock(runtime::Context& context, const std::string& ledger)
    : context_{context}, path_{ledger + ".lock"} {}

void LedgerLock::take(std::function<void()> then, std::function<void(const std::string&)> told) {
  then_ = std::move(then);
  told_ = std::move(told);
  const TimePoint now = context_.now();
  try_until(later(now, told_after), later(now, within));
}

void LedgerLock::try_until(TimePoint told_at, TimePoint until) {
  timer_ = 0;
  held_ = try_lock_file(path_);
  if (held_) return std::exchange(then_, nullptr)();
  const TimePoint now = context_.now();
  if (now >= until)
    throw Error{ErrorCode::exhausted, path_ +
                                          ": expected the coordinator before to be gone within " +
                                          std::to_string(within.count()) + " s"};
  if (now >= told_at) {
    told_(path_ + ": the job waits: the coordinator before is not gone yet");
    told_at = TimePoint::max();
  }
  timer_ = context_.after(again_after, [this, told_at, until] { try_until(told_at, until); });
}

void LedgerLock::drop() {
  if (timer_ != 0) context_.cancel(std::exchange(timer_, 0));
  held_.reset();
}

}  // namespace troupe::actors
