#include "runtime/actor/deadlines.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace troupe::runtime {
namespace {
constexpr std::size_t smallest_table = 16;
constexpr std::size_t worth_compacting = 64;  // dead entries
}  // namespace

void Deadlines::add(TimePoint due, std::uint64_t id) {
  if (2 * (size_ + 1) > slots_.size()) grow();
  Slot& slot = slots_[find(id)];
  if (slot.order == 0) ++size_;
  slot = {id, ++last_order_};
  heap_.push_back({due, last_order_, id});
  std::push_heap(heap_.begin(), heap_.end(), later);
  compact();
}

bool Deadlines::remove(std::uint64_t id) {
  if (size_ == 0) return false;
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = find(id);
  if (slots_[hole].order == 0) return false;
  // What was pushed past the hole moves up, so that no search ends at the hole too early.
  for (std::size_t next = (hole + 1) & mask; slots_[next].order != 0; next = (next + 1) & mask) {
    const std::size_t distance_from_home = (next - home(slots_[next].id)) & mask;
    if (distance_from_home < ((next - hole) & mask)) continue;
    slots_[hole] = slots_[next];
    hole = next;
  }
  slots_[hole] = {};
  --size_;
  compact();
  return true;
}

std::optional<TimePoint> Deadlines::next_due() const {
  drop_dead_top();
  if (heap_.empty()) return std::nullopt;
  return heap_.front().due;
}

std::vector<std::uint64_t> Deadlines::take_due(TimePoint now) {
  std::vector<std::uint64_t> ids;
  for (auto due = next_due(); due && *due <= now; due = next_due()) {
    ids.push_back(heap_.front().id);
    remove(ids.back());
  }
  return ids;
}

bool Deadlines::later(const Entry& a, const Entry& b) {
  return std::pair{a.due, a.order} > std::pair{b.due, b.order};
}

// Fibonacci hashing: ids that follow each other land far apart.
std::size_t Deadlines::home(std::uint64_t id) const {
  return (id * 0x9E3779B97F4A7C15U) >> (64 - std::countr_zero(slots_.size()));
}

std::size_t Deadlines::find(std::uint64_t id) const {
  std::size_t at = home(id);
  while (slots_[at].order != 0 && slots_[at].id != id) at = (at + 1) & (slots_.size() - 1);
  return at;
}

bool Deadlines::is_live(const Entry& entry) const {
  return size_ != 0 && slots_[find(entry.id)].order == entry.order;
}

void Deadlines::grow() {
  const std::vector<Slot> before =
      std::exchange(slots_, std::vector<Slot>(std::max(smallest_table, 2 * slots_.size())));
  for (const Slot& slot : before) {
    if (slot.order != 0) slots_[find(slot.id)] = slot;
  }
}

void Deadlines::drop_dead_top() const {
  while (!heap_.empty() && !is_live(heap_.front())) {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    heap_.pop_back();
  }
}

void Deadlines::compact() {
  if (heap_.size() < 2 * size_ + worth_compacting) return;
  std::erase_if(heap_, [this](const Entry& entry) { return !is_live(entry); });
  std::make_heap(heap_.begin(), heap_.end(), later);
}

}  // namespace troupe::runtime
