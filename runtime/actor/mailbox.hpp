#pragma once

#include <cstddef>
#include <string>

namespace troupe::runtime {

struct Envelope;

/// Where an actor, of this process or another, is reached. Any thread may use it.
class Mailbox {
 public:
  virtual ~Mailbox() = default;
  /// Never blocks. What comes after the actor's end is thrown away, so that an ask answers itself.
  virtual void push(Envelope&& envelope) = 0;
  /// How many envelopes wait.
  virtual std::size_t depth() const = 0;
  /// Whether what is pushed stays in this process.
  virtual bool local() const { return true; }
  /// Ends the actor before its next envelope.
  virtual void kill() = 0;
};

}  // namespace troupe::runtime
