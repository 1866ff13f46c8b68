#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <string>

namespace troupe::runtime {
class Actor;
class Context;
}  // namespace troupe::runtime

namespace troupe::actors {

/// For an actor that cannot start, and could not however often it was started again (ends_job): its address is taken, its
/// file is damaged. The observer is told by a Notice of level "error", which ends the run; where it does not, the actor
/// fails a second later, so that its supervisor's tries are a second apart. Called in one of the actor's turns.
/// @param observer  a path; empty: nobody
/// @throws what was thrown, at once, if starting again may help or nobody observes.
void fail_start(runtime::Context& context, const std::string& observer,
                const std::exception_ptr& thrown);

/// What `make` makes, or if it throws such an error, an actor that only fails so.
std::unique_ptr<runtime::Actor> make_or_fail(
    runtime::Context& context, const std::string& observer,
    const std::function<std::unique_ptr<runtime::Actor>()>& make);

}  // namespace troupe::actors
