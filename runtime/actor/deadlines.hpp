#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/base/clock.hpp"

namespace troupe::runtime {

/// When what is due: the open requests and timers of one actor, thousands a second, most of which are
/// removed long before they are due. Adding and removing take constant time (amortised, for deadlines that
/// mostly grow); memory follows the largest
/// number of entries there was. Not thread-safe, next_due() neither.
class Deadlines {
 public:
  /// An `id` that is there already gets this deadline instead, as if it had been removed.
  void add(TimePoint due, std::uint64_t id);

  /// @return whether it was there.
  bool remove(std::uint64_t id);

  std::size_t size() const { return size_; }

  /// The earliest deadline; none if there are no entries.
  std::optional<TimePoint> next_due() const;

  /// Removes what is due at `now` or earlier. @return its ids in the order of (due, adding).
  std::vector<std::uint64_t> take_due(TimePoint now);

 private:
  struct Entry {
    TimePoint due;
    std::uint64_t order;  // counts additions from 1
    std::uint64_t id;
  };
  // Of the open-addressed table of what is there; linear probing.
  struct Slot {
    std::uint64_t id = 0;
    std::uint64_t order = 0;  // of its last addition; 0: the slot is free
  };

  static bool later(const Entry& a, const Entry& b);
  std::size_t home(std::uint64_t id) const;  // the slot where the search for it starts
  std::size_t find(std::uint64_t id) const;  // its slot, or the free one where it belongs
  bool is_live(const Entry& entry) const;
  void grow();
  void drop_dead_top() const;
  void compact();

  // A binary heap, the earliest first. What was removed stays in it until it comes to the top or such
  // entries are in the majority.
  mutable std::vector<Entry> heap_;
  std::vector<Slot> slots_;  // a power of two of them, at most half taken
  std::size_t size_ = 0;
  std::uint64_t last_order_ = 0;
};

}  // namespace troupe::runtime
