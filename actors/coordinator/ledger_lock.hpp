#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "actors/report/file_lock.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::actors {

/// Keeps two coordinators from one ledger: a coordinator that is ended in the middle of a turn goes on to the turn's end, and
/// its process to its own, while the next coordinator is up already. A member of an actor.
class LedgerLock {
 public:
  LedgerLock(runtime::Context& context, const std::string& ledger);
  ~LedgerLock() { drop(); }
  LedgerLock(const LedgerLock&) = delete;
  LedgerLock& operator=(const LedgerLock&) = delete;

  /// Runs `then` when it is held: now, or in a later turn of the owner's. Whoever waits longer than usual is told of it once,
  /// in a line.
  /// @throws Error bad_input as try_lock_file() does; from the owner's turn, which ends it, exhausted if the one before is
  ///         not gone within 10 s.
  void take(std::function<void()> then, std::function<void(const std::string&)> told);
  /// Lets go, or waits no more.
  void drop();
  /// For those who work on what it guards in other threads: it is held until they let go, too.
  const FileLock& held() const { return held_; }

 private:
  void try_until(TimePoint told_at, TimePoint until);

  runtime::Context& context_;
  const std::string path_;
  std::function<void()> then_;
  std::function<void(const std::string&)> told_;
  FileLock held_;
  std::uint64_t timer_ = 0;
};

}  // namespace troupe::actors
