#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/base/clock.hpp"

namespace troupe::runtime {

struct Envelope;
class Mailbox;
class Name;
class TimerTable;

/// What may be done on purpose to messages between two actors.
struct MessageFault {
  enum class Kind : std::uint8_t { drop, delay, duplicate };
  Kind kind = Kind::drop;
  std::string from;  ///< a path; "*": anybody
  std::string to;    ///< a path; "*": anybody
  double probability = 1.0;
  Duration delay = {};      ///< of delay
  std::uint32_t count = 1;  ///< how many messages it hits
};

/// The faults that a node is told to have, for tests and for operators. Drawn from a seed, so that a schedule can be
/// played again. Thread-safe; without rules a message costs one relaxed load.
class Faults {
 public:
  explicit Faults(TimerTable& timers, const Clock& clock, std::uint64_t seed = 0)
      : timers_{timers}, clock_{clock}, seed_{seed} {}

  void add(MessageFault fault);
  void clear();

  bool any() const { return any_.load(std::memory_order_relaxed); }
  /// Whether a tell or an ask that is about to be handled goes on. If not it was dropped, or comes back later. A tell that
  /// is duplicated goes on, and comes once more.
  bool pass(Envelope& envelope, const Name& to, const std::shared_ptr<Mailbox>& mailbox);

 private:
  TimerTable& timers_;
  const Clock& clock_;
  const std::uint64_t seed_;
  std::atomic<bool> any_{false};
  std::mutex mutex_;
  std::vector<MessageFault> faults_;
  std::uint64_t draws_ = 0;
};

}  // namespace troupe::runtime
