#include "actors/report/job_news.hpp"

#include <capnp/message.h>

#include <utility>

#include "runtime/actor/context.hpp"
#include "runtime/base/clock.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/training.capnp.h"

namespace troupe::actors {

void tell_news(runtime::Context& context, const runtime::Ref& observer, JobEvent event) {
  if (!observer) return;
  context.tell<wire::JobNews>(observer, serialization::make_frame<wire::JobNews>([&](auto head) {
                                head.setLine(to_json({wall_seconds(), std::move(event)}));
                              }));
}

}  // namespace troupe::actors
