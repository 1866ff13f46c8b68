#include "runtime/actor/faults.hpp"

#include <optional>
#include <utility>

#include "runtime/actor/envelope.hpp"
#include "runtime/actor/mailbox.hpp"
#include "runtime/actor/name_table.hpp"
#include "runtime/actor/timer_table.hpp"
#include "runtime/base/random.hpp"

namespace troupe::runtime {
namespace {

bool matches(const std::string& pattern, const Name* name) {
  return pattern == "*" || (name && pattern == name->path());
}

}  // namespace

void Faults::add(MessageFault fault) {
  const std::lock_guard lock{mutex_};
  faults_.push_back(std::move(fault));
  any_.store(true, std::memory_order_relaxed);
}

void Faults::clear() {
  const std::lock_guard lock{mutex_};
  faults_.clear();
  any_.store(false, std::memory_order_relaxed);
}

bool Faults::pass(Envelope& envelope, const Name& to, const std::shared_ptr<Mailbox>& mailbox) {
  std::optional<MessageFault> hit;
  {
    const std::lock_guard lock{mutex_};
    for (auto fault = faults_.begin(); fault != faults_.end() && !hit; ++fault) {
      if (!matches(fault->from, envelope.from) || !matches(fault->to, &to)) continue;
      const Draw4 draw = philox4x32_10(
          philox_key(seed_),
          {static_cast<std::uint32_t>(draws_), static_cast<std::uint32_t>(draws_ >> 32), 0, 0});
      ++draws_;
      if (uniform53(draw[0], draw[1]) >= fault->probability) continue;
      hit = *fault;
      if (--fault->count == 0) faults_.erase(fault);
      if (faults_.empty()) any_.store(false, std::memory_order_relaxed);
      break;
    }
  }
  if (!hit) return true;
  switch (hit->kind) {
    case MessageFault::Kind::drop:
      return false;
    case MessageFault::Kind::delay: {
      const auto late = std::make_shared<Envelope>(std::move(envelope));
      timers_.add(later(clock_.now(), hit->delay), [late, mailbox = std::weak_ptr{mailbox}] {
        if (const std::shared_ptr<Mailbox> target = mailbox.lock()) target->push(std::move(*late));
      });
      return false;
    }
    case MessageFault::Kind::duplicate: {
      if (envelope.kind != EnvelopeKind::tell) return true;
      mailbox->push(twin_of(envelope));
      return true;
    }
  }
  return true;
}

}  // namespace troupe::runtime
