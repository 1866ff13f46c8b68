#include "apps/troupe/built_in.hpp"

#include <chrono>
#include <memory>
#include <stdexcept>

#include "actors/pipeline/roles.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/telemetry/log.hpp"
#include "serialization/schema/tree.capnp.h"

namespace troupe::apps {

using namespace runtime;

namespace {

// Tells `to` "done" every period, or logs that it is there.
class Ticker final : public Actor {
 public:
  Ticker(Context& context, const Parameters& with)
      : context_{context},
        period_{with.duration("period")},
        fail_after_{with.integer("fail_after")} {
    if (!with.text("to").empty()) to_ = context.ref(with.text("to"));
    tick();
  }

  void handles(Handlers& on) override {
    on.tell<wire::Done>([this](const Frame&) { ++heard_; });
    on.ask<wire::Done>([this](const Frame& frame, Reply reply) { ++heard_, reply.answer(frame); });
  }

 private:
  void tick() {
    context_.after(period_, [this] {
      if (++ticks_ == fail_after_)
        throw std::runtime_error{"it failed after " + std::to_string(ticks_) + " ticks, as told"};
      context_.log().info("tick", {{"ticks", ticks_}, {"heard", heard_}});
      if (to_) context_.tell<wire::Done>(to_, Frame{});
      tick();
    });
  }

  Context& context_;
  const Duration period_;
  const std::int64_t fail_after_;
  Ref to_;
  std::int64_t ticks_ = 0;
  std::int64_t heard_ = 0;
};

}  // namespace

Registry built_in_types() {
  using namespace std::chrono_literals;
  Registry registry;
  ActorType ticker;
  ticker.name = "ticker";
  ticker.help = "Logs a line every period; to try a tree out.";
  ticker.origin = "built-in";
  ParameterSchema period{"period", ParameterType::duration, "Between two ticks."};
  period.default_value = ParameterValue{Duration{1s}};
  period.minimum = 0.001;
  ParameterSchema fail_after{"fail_after", ParameterType::integer, "Fails at this tick; 0: never."};
  fail_after.default_value = ParameterValue{std::int64_t{0}};
  fail_after.minimum = 0;
  ParameterSchema to{"to", ParameterType::text,
                     "Whom it tells of each tick, another ticker's path; empty: nobody."};
  to.default_value = ParameterValue{std::string{}};
  ticker.parameters = {period, fail_after, to};
  ticker.make = [](Context& context, const Parameters& with) -> std::unique_ptr<Actor> {
    return std::make_unique<Ticker>(context, with);
  };
  registry.add(std::move(ticker));
  actors::add_roles(registry);
  return registry;
}

}  // namespace troupe::apps
