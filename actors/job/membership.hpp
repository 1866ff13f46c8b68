#pragma once

#include <functional>
#include <string>

#include "runtime/actor/context.hpp"
#include "runtime/actor/ref.hpp"

namespace troupe::actors {

/// Makes an actor part of a job: tells the job's coordinator that it is here, at once and whenever the coordinator was
/// started again. A member of its actor.
class Membership {
 public:
  /// @param coordinator  its path; "": there is none, and nothing is told
  /// @param on_change    called after each such word; may be empty
  Membership(runtime::Context& context, const std::string& coordinator, std::string role,
             std::function<void()> on_change = {});

  /// Names nobody if there is none.
  const runtime::Ref& coordinator() const { return coordinator_; }

 private:
  runtime::Context& context_;
  runtime::Ref coordinator_;
};

}  // namespace troupe::actors
