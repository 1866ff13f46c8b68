#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "runtime/actor/answer.hpp"
#include "runtime/actor/reply.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::runtime {

class Cell;
class Mailbox;
class Name;

enum class EnvelopeKind : std::uint8_t {
  tell,
  ask,
  answer,   ///< to a request: `frame`
  failure,  ///< to a request: `failure`
  run,      ///< inside a process: `run`, if there is one, is called in the actor's turn
  urgent,   ///< the same, of an actor that is stalled too
};

/// What an envelope says when it leaves its process: names instead of pointers.
struct Route {
  std::string to;
  std::string from;
};

/// What few envelopes carry. It stands aside, so that a message in a mailbox is small: a long queue costs memory first.
struct Enclosure {
  Frame attachment = {};  ///< of a tell inside a process: handed over beside the message
  std::shared_ptr<const Failure> failure = {};
  std::function<void(Cell&)> run = {};
  std::optional<Route> route = {};
};

/// So much of a message's frames goes to another process at most: more would hold up the connection until the other side
/// takes this one for lost. Bulk goes through channels, in pieces.
constexpr std::size_t most_bytes_across = std::size_t{64} << 20;
std::string too_large_to_cross(std::size_t bytes);

/// What lies in a mailbox. Moved, never copied; an ask that is thrown away answers itself (Reply).
struct Envelope {
  EnvelopeKind kind = EnvelopeKind::tell;
  std::uint64_t type = 0;  ///< of the frame's head
  Name* from = nullptr;    ///< none: the outside
  Name* to = nullptr;
  std::uint64_t from_incarnation = 0;
  std::uint64_t to_incarnation = 0;  ///< whom the sender means; 0: whoever runs there
  std::uint64_t request = 0;         ///< which of the asker's requests is answered
  Duration left{};                   ///< of an ask, when it was sent
  std::uint64_t trace = 0;
  Frame frame = {};
  Reply reply = {};
  std::unique_ptr<Enclosure> enclosed = {};

  /// What is enclosed, made if there is nothing yet.
  Enclosure& enclose() {
    if (!enclosed) enclosed = std::make_unique<Enclosure>();
    return *enclosed;
  }
  /// Null if it has none.
  const Failure* failure() const { return enclosed ? enclosed->failure.get() : nullptr; }
  /// Of its frames.
  std::size_t bytes() const {
    return frame.bytes().size() + (enclosed ? enclosed->attachment.bytes().size() : 0);
  }
  const Route* route() const {
    return enclosed && enclosed->route ? &*enclosed->route : nullptr;
  }
};

/// A request's answer, or a message that could not be read, as a failure.
Envelope failure_envelope(std::uint64_t request, Failure failure);

/// A turn in which nothing is done: it begins, if it has not begun, or ends, if it was killed.
Envelope nudge();
/// Something to be done in an actor's turn, behind what its mailbox holds.
Envelope turn(std::function<void(Cell&)> run);
/// Pushes, if the mailbox is still there. @return whether it is.
bool post(const std::weak_ptr<Mailbox>& to, Envelope&& envelope);

/// What an envelope says, once more: without its duty to answer, its closure and its route.
Envelope twin_of(const Envelope& envelope);

}  // namespace troupe::runtime
