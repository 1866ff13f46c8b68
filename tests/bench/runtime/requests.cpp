#include "tests/bench/runtime/requests.hpp"

#include <capnp/message.h>

#include <chrono>
#include <string>
#include <utility>

#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/base/error.hpp"
#include "serialization/frame_reader.hpp"
#include "tests/bench/runtime/rounds.hpp"
#include "tests/messages.capnp.h"
#include "tests/support/actors.hpp"

namespace troupe::bench {
namespace {

using namespace runtime;
using namespace std::chrono_literals;
using test::add_frame;
using test::total_frame;
using test::total_of;

// Asks the sink Total.value times, Total.incarnation of them at a time; or tells it Add.amount
// times and asks once.
class Driver final : public Actor {
 public:
  Driver(Context& context, const Parameters&) : context_{context}, sink_{context.ref("quiet")} {}
  void handles(Handlers& on) override {
    on.ask<wire::Total>([this](const Frame& frame, Reply reply) {
      done_ = std::move(reply);
      left_ = open_ = static_cast<std::uint64_t>(total_of(Answer{frame}));
      for (auto at_once = test::incarnation_of(Answer{frame}); at_once > 0; --at_once) ask();
    });
    on.ask<wire::Add>([this](const Frame& frame, Reply reply) {
      done_ = std::move(reply);
      std::int64_t messages = 0;
      serialization::read_head<wire::Add>(
          frame, [&](wire::Add::Reader head) { messages = head.getAmount(); });
      for (; messages > 0; --messages) context_.tell<wire::Add>(sink_, one_);
      context_.ask<wire::Add>(sink_, one_, 5s,
                              [this](const Answer& answer) { done_.answer(answer.frame()); });
    });
  }

 private:
  void ask() {
    if (left_ == 0) return;
    --left_;
    context_.ask<wire::Total>(sink_, question_, 5s, [this](const Answer& answer) {
      const Frame& total = answer.frame();  // throws if it failed, which ends the run
      if (--open_ > 0) return ask();
      done_.answer(total);
    });
  }

  Context& context_;
  const Ref sink_;
  const Frame question_ = total_frame();
  const Frame one_ = add_frame(1);
  std::uint64_t left_ = 0;  // to be asked
  std::uint64_t open_ = 0;  // to be answered
  Reply done_;
};

// Touches no frame, so that messages are compared and not their contents.
class Sink final : public Actor {
 public:
  Sink(Context&, const Parameters&) {}
  void handles(Handlers& on) override {
    on.tell<wire::Add>([this](const Frame&) { ++total_; });
    on.ask<wire::Add>([this](const Frame&, Reply reply) {
      reply.answer(total_frame(std::exchange(total_, 0)));
    });
    on.ask<wire::Total>([this](const Frame&, Reply reply) { reply.answer(answer_); });
  }

 private:
  const Frame answer_ = total_frame();
  std::int64_t total_ = 0;
};

}  // namespace

void add_request_types(Registry& registry) {
  registry.add<Driver>("driver", "Drives.");
  registry.add<Sink>("quiet", "Counts.");
}

std::vector<ChildSpec> request_children() {
  return {test::child("quiet", "quiet"), test::child("driver", "driver")};
}

double requests(Node& node, std::uint64_t count, std::uint64_t in_flight) {
  const auto begin = Steady::now();
  const auto value = static_cast<std::int64_t>(count);
  node.ask<wire::Total>("/driver", total_frame(value, in_flight), 60s).frame();
  return seconds_since(begin);
}

double messages(Node& node, std::uint64_t count) {
  const auto begin = Steady::now();
  const auto sent = static_cast<std::int64_t>(count);
  const std::int64_t came = total_of(node.ask<wire::Add>("/driver", add_frame(sent), 60s));
  const double seconds = seconds_since(begin);
  if (came != sent) throw Error{ErrorCode::bug, std::to_string(came) + " messages came"};
  return seconds;
}

}  // namespace troupe::bench
