#include "actors/job/membership.hpp"

#include <capnp/message.h>

#include <utility>

#include "serialization/make_frame.hpp"
#include "serialization/schema/training.capnp.h"

namespace troupe::actors {

Membership::Membership(runtime::Context& context, const std::string& coordinator, std::string role,
                       std::function<void()> on_change)
    : context_{context} {
  if (coordinator.empty()) return;
  coordinator_ = context.ref(coordinator);
  context.watch(coordinator_, [this, role = std::move(role),
                               on_change = std::move(on_change)](const runtime::Change& change) {
    if (!change.up) return;
    context_.tell<wire::Here>(coordinator_, serialization::make_frame<wire::Here>([&](auto head) {
                                head.setRole(role);
                                head.setPath(context_.path());
                                head.setIncarnation(context_.incarnation());
                              }));
    if (on_change) on_change();
  });
}

}  // namespace troupe::actors
