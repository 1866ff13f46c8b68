#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "runtime/actor/answer.hpp"
#include "runtime/actor/message_type.hpp"
#include "runtime/actor/reply.hpp"

namespace troupe::runtime {

/// What an actor hears: a handler for each type of message, a generated Cap'n Proto struct that is the head
/// of the frame. A handler that throws ends its actor, with the exception's text as reason; a frame
/// that does not hold what it says (serialization::MalformedFrame) is the sender's fault and only costs the message.
class Handlers {
 public:
  using Tell = std::function<void(const Frame&)>;
  using Ask = std::function<void(const Frame&, Reply)>;

  /// Messages that want no answer.
  template <class T>
  void tell(Tell handler) {
    entry(MessageType::of<T>()).tell = std::move(handler);
  }
  /// Requests. The reply may be kept.
  template <class T>
  void ask(Ask handler) {
    entry(MessageType::of<T>()).ask = std::move(handler);
  }

 private:
  friend class Cell;
  struct Entry {
    std::string_view name;
    Tell tell;
    Ask ask;
  };
  Entry& entry(MessageType type) {
    Entry& entry = entries_[type.id];
    entry.name = type.name;
    return entry;
  }
  const Entry* find(std::uint64_t type) const {
    const auto at = entries_.find(type);
    return at == entries_.end() ? nullptr : &at->second;
  }

  std::unordered_map<std::uint64_t, Entry> entries_;
};

}  // namespace troupe::runtime
