#include "actors/deployer/inbound.hpp"

#include "runtime/actor/context.hpp"
#include "runtime/actor/envelope.hpp"
#include "runtime/actor/mailbox.hpp"
#include "runtime/actor/name_table.hpp"
#include "runtime/actor/services.hpp"

namespace troupe::actors {

PostTurn turns_of(runtime::Context& context) {
  std::weak_ptr<runtime::Mailbox> mailbox =
      context.services().names.intern(context.path()).target().mailbox;
  return [mailbox = std::move(mailbox)](std::function<void()> then) {
    return runtime::post(mailbox,
                         runtime::turn([then = std::move(then)](runtime::Cell&) { then(); }));
  };
}

}  // namespace troupe::actors
