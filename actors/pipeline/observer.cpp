#include "actors/pipeline/observer.hpp"

#include <capnp/message.h>

#include <memory>
#include <utility>

#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/base/error.hpp"
#include "runtime/registry.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/schema/training.capnp.h"

namespace troupe::actors {

void EventQueue::push(TimedEvent event) {
  {
    const std::lock_guard lock{mutex_};
    if (events_.size() == most) events_.pop_front();
    events_.push_back(std::move(event));
  }
  changed_.notify_one();
}

std::optional<TimedEvent> EventQueue::pop(Duration within) {
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, within, [this] { return !events_.empty() || woken_; });
  woken_ = false;
  if (events_.empty()) return {};
  std::optional<TimedEvent> event = std::move(events_.front());
  events_.pop_front();
  return event;
}

void EventQueue::wake() {
  {
    const std::lock_guard lock{mutex_};
    woken_ = true;
  }
  changed_.notify_one();
}

namespace {

class Observer final : public runtime::Actor {
 public:
  explicit Observer(EventQueue& queue) : queue_{queue} {}

  void handles(runtime::Handlers& on) override {
    on.tell<wire::JobNews>([this](const runtime::Frame& frame) {
      std::string line;
      serialization::read_head<wire::JobNews>(
          frame, [&](wire::JobNews::Reader head) { line = head.getLine(); });
      try {
        queue_.push(from_json(line));
      } catch (const Error& error) {
        throw serialization::MalformedFrame{error.what()};
      }
    });
  }

 private:
  EventQueue& queue_;
};

}  // namespace

void add_observer_type(runtime::Registry& registry, EventQueue& queue) {
  runtime::ActorType type;
  type.name = "observer";
  type.help = "Passes a job's events on to the program around it.";
  type.origin = "built-in";
  type.make = [&queue](runtime::Context&,
                       const runtime::Parameters&) -> std::unique_ptr<runtime::Actor> {
    return std::make_unique<Observer>(queue);
  };
  registry.add(std::move(type));
}

}  // namespace troupe::actors
