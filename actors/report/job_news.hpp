#pragma once

#include "actors/report/job_event.hpp"

namespace troupe::runtime {
class Context;
class Ref;
}  // namespace troupe::runtime

namespace troupe::actors {

/// Tells an observer of an event, with the time that it is now. Nobody, if `observer` names none.
void tell_news(runtime::Context& context, const runtime::Ref& observer, JobEvent event);

}  // namespace troupe::actors
