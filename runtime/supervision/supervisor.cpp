#include "runtime/supervision/supervisor.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "runtime/actor/name_table.hpp"
#include "runtime/actor/services.hpp"
#include "runtime/base/error.hpp"
#include "runtime/supervision/tree_messages.hpp"
#include "runtime/telemetry/log.hpp"
#include "serialization/schema/tree.capnp.h"

namespace troupe::runtime {
namespace {

// FNV-1a: which supervisor's jitter this is.
std::uint64_t seed_of(std::string_view path, std::uint64_t incarnation) {
  std::uint64_t hash = 0xcbf29ce484222325 ^ incarnation;
  for (const char c : path) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

Supervisor::Supervisor(Context& context, const SupervisorSpec& spec)
    : context_{context},
      launcher_{context.services().children},
      path_{context.path()},
      replica_{spec.replica},
      supervision_{spec, [this] { return launcher_.new_incarnation(); },
                   seed_of(path_, context.incarnation())} {
  context_.not_ready_yet();
  supervision_.start(context_.now());
  carry_out();
}

Supervisor::~Supervisor() {
  for (const auto& [child, incarnation] : living_)
    launcher_.kill(child_path(path_, child), incarnation, "its supervisor ended");
}

void Supervisor::handles(Handlers& on) {
  const auto settle = [this](bool done, Reply& reply, const std::string& otherwise) {
    carry_out();
    done ? reply.answer(done_frame()) : reply.refuse(otherwise);
  };
  on.ask<wire::StartChild>([=, this](const Frame& frame, Reply reply) {
    StartChild request;
    read(frame, request);
    try {
      settle(supervision_.add_child(std::move(request.spec), context_.now()), reply,
             "the supervisor is ending");
    } catch (const Error& error) {  // the asker's fault, not the supervisor's
      reply.refuse(error.what());
    }
  });
  on.ask<wire::StopChild>([=, this](const Frame& frame, Reply reply) {
    StopChild request;
    read(frame, request);
    settle(supervision_.remove_child(request.name, context_.now()), reply,
           "there is no child \"" + request.name + "\"");
  });
  on.ask<wire::ScaleChildren>([=, this](const Frame& frame, Reply reply) {
    ScaleChildren request;
    read(frame, request);
    if (!replica_) return reply.refuse("it is no group of replicas");
    try {
      settle(supervision_.scale(request.count, *replica_, context_.now()), reply,
             "the supervisor is ending");
    } catch (const Error& error) {
      reply.refuse(error.what());
    }
  });
}

bool Supervisor::stopping() {
  supervision_.stop({ExitKind::shutdown, "its supervisor asked it to end"}, context_.now());
  carry_out();
  return false;  // when the last child is gone
}

void Supervisor::carry_out() {
  for (std::vector<SupervisionAction> actions = supervision_.take_actions(); !actions.empty();
       actions = supervision_.take_actions()) {
    for (const SupervisionAction& action : actions) {
      switch (action.kind) {
        case SupervisionAction::Kind::start:
          start(action);
          break;
        case SupervisionAction::Kind::stop:
          launcher_.stop(child_path(path_, action.child), action.incarnation);
          break;
        case SupervisionAction::Kind::kill:
          context_.log().warning("a child is ended hard", {{"child", action.child}});
          living_.erase(action.child);
          launcher_.kill(child_path(path_, action.child), action.incarnation,
                         "it passed its deadline");
          break;
        case SupervisionAction::Kind::started:
          context_.ready();
          break;
        case SupervisionAction::Kind::finish:
          context_.end_with(action.exit);
          break;
      }
    }
  }
  show();
  set_timer();
}

void Supervisor::start(const SupervisionAction& action) {
  const ChildSpec* const spec = supervision_.find_spec(action.child);
  if (!spec) return;
  const std::string path = child_path(path_, action.child);
  if (!watches_.contains(action.child)) {
    watches_[action.child] =
        context_.watch(context_.ref(path),
                       [this, child = action.child](const Change& change) { hear(child, change); });
  }
  living_[action.child] = action.incarnation;
  launcher_.start(*spec, path, action.incarnation);
}

void Supervisor::hear(const std::string& child, const Change& change) {
  if (change.up) {
    supervision_.started(child, change.incarnation, context_.now());
  } else {
    const auto living = living_.find(child);
    if (living != living_.end() && living->second == change.incarnation) living_.erase(living);
    if (change.exit.abnormal())
      context_.log().warning(
          "a child failed",
          {{"child", child}, {"how", to_string(change.exit.kind)}, {"why", change.exit.reason}});
    supervision_.ended(child, change.incarnation, change.exit, context_.now());
  }
  carry_out();
}

void Supervisor::show() {
  std::uint32_t order = 0;
  std::set<std::string> shown;
  for (const ChildStatus& child : supervision_.children()) {
    const ChildSpec* const spec = supervision_.find_spec(child.name);
    ActorStatus status;
    status.type = !spec || spec->supervisor ? "supervisor" : spec->type;
    status.state = to_string(child.state);
    status.restarts = child.restarts;
    if (child.last_exit && child.last_exit->abnormal())
      status.last_error = to_string(*child.last_exit);
    status.order = order++;
    status.since = child.since;
    context_.services().names.intern(child_path(path_, child.name)).set_status(std::move(status));
    shown.insert(child.name);
  }
  for (const std::string& gone : shown_)
    if (!shown.contains(gone))
      context_.services().names.intern(child_path(path_, gone)).set_status({});
  shown_ = std::move(shown);
}

void Supervisor::set_timer() {
  const std::optional<TimePoint> due = supervision_.next_due();
  if (due == timer_due_) return;
  if (timer_due_) context_.cancel(timer_);
  timer_due_ = due;
  if (!due) return;
  timer_ = context_.after(*due - context_.now(), [this] {
    timer_due_.reset();
    supervision_.tick(context_.now());
    carry_out();
  });
}

}  // namespace troupe::runtime
