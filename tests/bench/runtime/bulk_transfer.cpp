#include "tests/bench/runtime/bulk_transfer.hpp"

#include <capnp/message.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "runtime/actor/actor.hpp"
#include "runtime/actor/channels.hpp"
#include "runtime/actor/context.hpp"
#include "serialization/make_frame.hpp"
#include "tests/bench/runtime/forked.hpp"
#include "tests/bench/runtime/rounds.hpp"
#include "tests/messages.capnp.h"
#include "tests/support/actors.hpp"

namespace troupe::bench {
namespace {

using namespace runtime;
using namespace std::chrono_literals;
using test::total_frame;
using test::total_of;

// Asked for a Total: sends so many items, and answers when all were received.
class Source final : public Actor {
 public:
  Source(Context& context, const Parameters&)
      : context_{context},
        channels_{context},
        item_{serialization::make_frame<wire::Total>(
            [](wire::Total::Builder) {}, std::vector<std::byte>(bulk_item, std::byte{1}))} {}

  void handles(Handlers& on) override {
    channels_.handles(on);
    on.ask<wire::Total>([this](const Frame& frame, Reply reply) {
      done_ = std::move(reply);
      left_ = total_of(Answer{frame});
      out_ = channels_.open(context_.ref("/bulk/sink"), "items");
      out_.on_writable([this] { fill(); });
      out_.on_ended([this](const ChannelEnd& end) {
        if (end.kind != ChannelEnd::Kind::finished) return done_.refuse(end.reason);
        done_.answer(total_frame());
      });
      fill();
    });
  }

 private:
  void fill() {
    while (left_ > 0 && out_.can_send()) {
      --left_;
      out_.send(item_);
    }
    if (left_ == 0) out_.finish();
  }

  Context& context_;
  Channels channels_;
  const Frame item_;
  ChannelOut out_;
  Reply done_;
  std::int64_t left_ = 0;
};

// Counts the bytes that came; they are all ones.
class Sink final : public Actor {
 public:
  Sink(Context& context, const Parameters&) : channels_{context} {}

  void handles(Handlers& on) override {
    channels_.handles(on);
    ChannelInOptions options;
    options.window_bytes = bulk_window;
    const auto receive = [this](ChannelIn in) {
      in.on_item([this](const Frame& item) { bytes_ += touch(item.payload(0)) * 64; });
    };
    channels_.accept("items", receive, options);
    on.ask<wire::Total>([this](const Frame&, Reply reply) { reply.answer(total_frame(bytes_)); });
  }

 private:
  Channels channels_;
  std::int64_t bytes_ = 0;
};

// Asks while it is wanted, and remembers how long each answer took. Told to begin by a Total of 1,
// to stop by one of 0.
class Prober final : public Actor {
 public:
  Prober(Context& context, std::vector<double>& request_ms)
      : context_{context}, request_ms_{request_ms}, whom_{context.ref("/bulk/answers")} {}

  void handles(Handlers& on) override {
    on.ask<wire::Total>([this](const Frame& frame, Reply reply) {
      wanted_ = total_of(Answer{frame}) != 0;
      if (!wanted_) {
        stopped_ = std::move(reply);
        return;
      }
      reply.answer(frame);
      ask();
    });
  }

 private:
  void ask() {
    const auto begin = Steady::now();
    context_.ask<wire::Total>(whom_, question_, 5s, [this, begin](const Answer& answer) {
      static_cast<void>(answer.frame());  // throws if it failed, which ends the run
      request_ms_.push_back(seconds_since(begin) * 1e3);
      if (wanted_) return ask();
      stopped_.answer(question_);
    });
  }

  Context& context_;
  std::vector<double>& request_ms_;
  const Ref whom_;
  const Frame question_ = total_frame();
  bool wanted_ = false;
  Reply stopped_;
};

}  // namespace

BulkTransfer::BulkTransfer(Registry& registry) {
  registry.add<Source>("bulk_source", "Sends items.");
  registry.add<Sink>("bulk_sink", "Receives items.");
  registry.add(
      ActorType{"prober", "Asks all the time.", {}, [this](Context& context, const Parameters&) {
                  return std::make_unique<Prober>(context, request_ms_);
                }});
}

std::vector<ChildSpec> BulkTransfer::children() const {
  auto inside = std::make_shared<SupervisorSpec>();
  inside->children = {test::child("sink", "bulk_sink"), test::child("answers")};
  ChildSpec bulk = test::child("bulk");
  bulk.supervisor = inside;
  bulk.isolation = Isolation::process;
  return {bulk, test::child("source", "bulk_source"), test::child("prober", "prober")};
}

double BulkTransfer::transfer(Node& node, std::uint64_t bytes) {
  node.ask<wire::Total>("/prober", total_frame(1), 5s).frame();
  const auto begin = Steady::now();
  const auto items = static_cast<std::int64_t>(bytes / bulk_item);
  node.ask<wire::Total>("/source", total_frame(items), 60s).frame();
  const double seconds = seconds_since(begin);
  node.ask<wire::Total>("/prober", total_frame(0), 10s).frame();

  total_ += bytes;
  const auto got = total_of(node.ask<wire::Total>("/bulk/sink", total_frame(), 5s));
  if (got != static_cast<std::int64_t>(total_))
    throw std::runtime_error{"bulk: expected " + std::to_string(total_) + " bytes, got " +
                             std::to_string(got)};
  return seconds;
}

}  // namespace troupe::bench
