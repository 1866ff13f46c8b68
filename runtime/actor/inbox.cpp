#include "runtime/actor/inbox.hpp"

#include <memory>
#include <utility>

#include "runtime/base/block_cache.hpp"

namespace troupe::runtime {

#ifdef __SANITIZE_ADDRESS__  // which finds more in memory that is not used again
void* Inbox::Node::operator new(std::size_t size) {
  return ::operator new(size);
}
void Inbox::Node::operator delete(void* node) noexcept {
  ::operator delete(node);
}
#else
void* Inbox::Node::operator new(std::size_t) {
  return BlockCache<sizeof(Node)>::get();
}
void Inbox::Node::operator delete(void* node) noexcept {
  BlockCache<sizeof(Node)>::put(node);
}
#endif

bool Inbox::push(Envelope&& envelope) {
  const bool is_message = envelope.kind == EnvelopeKind::tell || envelope.kind == EnvelopeKind::ask;
  auto node = std::make_unique<Node>(std::move(envelope));  // before it is counted: there may be no memory
  if (!count_one() && is_message) {
    pushed_.fetch_sub(1, std::memory_order_relaxed);
    node->envelope.reply.refuse("its mailbox is full");
    return false;
  }
  Link* newest = stack_.load(std::memory_order_relaxed);
  do {
    if (newest == &closed_) {
      pushed_.fetch_sub(1, std::memory_order_relaxed);
      return false;
    }
    node->next = newest == &asleep_ ? nullptr : newest;
  } while (!stack_.compare_exchange_weak(newest, node.get(), std::memory_order_acq_rel,
                                         std::memory_order_relaxed));
  static_cast<void>(node.release());
  return newest == &asleep_;
}

bool Inbox::count_one() {
  const std::uint64_t before = pushed_.fetch_add(1, std::memory_order_relaxed);
  if (before < room_until_.load(std::memory_order_relaxed)) return true;
  const std::uint64_t room = taken_.load(std::memory_order_relaxed) + limit_;
  room_until_.store(room, std::memory_order_relaxed);
  return before < room;
}

std::size_t Inbox::depth() const {
  const std::uint64_t taken = taken_.load(std::memory_order_relaxed);
  const std::uint64_t pushed = pushed_.load(std::memory_order_relaxed);
  return pushed > taken ? pushed - taken : 0;
}

bool Inbox::take(Envelope& into) {
  if (!first_) {
    Link* newest = stack_.load(std::memory_order_relaxed);
    if (!newest || newest == &asleep_ || newest == &closed_) return false;
    newest = stack_.exchange(nullptr, std::memory_order_acquire);  // only this thread puts a mark there
    while (newest) {
      Link* const older = std::exchange(newest->next, first_);
      first_ = std::exchange(newest, older);
    }
  }
  const std::unique_ptr<Node> node{static_cast<Node*>(first_)};
  first_ = node->next;
  taken_.store(taken_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  into = std::move(node->envelope);
  return true;
}

bool Inbox::sleep() {
  Link* nothing = nullptr;
  return !first_ && stack_.compare_exchange_strong(nothing, &asleep_, std::memory_order_acq_rel,
                                                   std::memory_order_relaxed);
}

void Inbox::close() {
  Link* const newest = stack_.exchange(&closed_, std::memory_order_acquire);
  throw_away(std::exchange(first_, nullptr));
  if (newest != &asleep_ && newest != &closed_) throw_away(newest);
}

void Inbox::throw_away(Link* first) {
  while (first) {
    const std::unique_ptr<Node> node{static_cast<Node*>(first)};
    first = node->next;
  }
}

}  // namespace troupe::runtime
