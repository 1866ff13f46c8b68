#pragma once

#include "runtime/actor/handlers.hpp"

namespace troupe::runtime {

/// What applications and roles write: a class whose members are the actor's state. Its constructor takes
/// what its factory passes on (registry.hpp), usually a Context& and the Parameters.
///
///     class Counter final : public Actor {
///      public:
///       Counter(Context& context, const Parameters& with) : count_{with.integer("start")} {}
///       void handles(Handlers& on) override {
///         on.ask<wire::Increment>([this](const Frame&, Reply reply) { … ++count_ … });
///       }
///
/// One message at a time, each to its end; never two at once, but from changing threads. A handler does not
/// block: what takes long belongs on an executor (Context::executor). Cleaning up is the destructor's work:
/// it runs at every end that the process survives.
class Actor {
 public:
  virtual ~Actor() = default;

  /// Called once, right after construction.
  virtual void handles(Handlers& on) = 0;

  /// Its supervisor asks it to end, after all that came before in its mailbox. True: at once. False: it
  /// has something to finish and then calls Context::end, within the child spec's `stop_within`.
  virtual bool stopping() { return true; }
};

}  // namespace troupe::runtime
