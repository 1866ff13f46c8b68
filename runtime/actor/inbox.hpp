#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/actor/envelope.hpp"

namespace troupe::runtime {

/// The queue behind a mailbox: envelopes from any thread for one taker, in order, without a lock. Senders push onto a
/// stack (Treiber, 1986), which the taker takes whole and reverses. It also knows whether the taker sleeps, so that
/// exactly one sender wakes it.
///
/// - IN-1: what one thread pushes is taken in the order in which it was pushed, each once, or thrown away by close().
/// - IN-2: of all pushes between two calls of sleep() that succeed exactly one is told to wake the taker.
/// - IN-3: an ask that is thrown away answers itself (Reply).
class Inbox {
 public:
  /// Past `limit` envelopes that wait, tells are thrown away and asks refused; the runtime's own turns are not.
  /// It begins asleep.
  explicit Inbox(std::size_t limit) : limit_{limit} {}
  ~Inbox() { close(); }
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  /// Any thread. @return whether the taker slept: the caller wakes it, which then begins to take.
  [[nodiscard]] bool push(Envelope&& envelope);
  /// Any thread: how many wait.
  std::size_t depth() const;

  // Of the taker alone.

  /// The next one. False: there is none, and `into` is untouched.
  bool take(Envelope& into);
  /// From here on it sleeps, and another thread may be the taker. False: something has come.
  bool sleep();
  /// What waits and what comes is thrown away.
  void close();

 private:
  struct Link {
    Link* next;
  };
  struct Node : Link {
    explicit Node(Envelope&& from) : envelope{std::move(from)} {}
    static void* operator new(std::size_t size);
    static void operator delete(void* node) noexcept;
    Envelope envelope;
  };

  bool count_one();
  static void throw_away(Link* first);

  // States of the stack that are no envelope.
  static inline Link asleep_, closed_;

  const std::size_t limit_;
  // Counted apart, so that senders and taker do not pass one cache line to and fro with every message; senders look
  // at the taker's count only when the room that they know of is used up.
  std::atomic<std::uint64_t> pushed_{0};
  std::atomic<std::uint64_t> room_until_{limit_};
  std::atomic<Link*> stack_{&asleep_};  // newest first
  [[maybe_unused]] std::array<char, 64> apart_;  // and no alignment, which costs each start
  std::atomic<std::uint64_t> taken_{0};
  Link* first_ = nullptr;  // oldest first: the taker's
};

}  // namespace troupe::runtime
