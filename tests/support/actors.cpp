#include "tests/support/actors.hpp"

#include <capnp/message.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/executor.hpp"
#include "runtime/cluster/shared_memory.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "tests/messages.capnp.h"
#include "tests/support/channel_actors.hpp"
#include "tests/support/liar.hpp"
#include "tests/support/mirror.hpp"

namespace troupe::test {

using namespace runtime;
using serialization::make_frame;
using serialization::read_head;

namespace {

struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;
};

Gate& gate() {
  static Gate gate;
  return gate;
}

class Counter : public Actor {
 public:
  Counter(Context& context, const Parameters& with)
      : context_{context}, total_{with.integer("start")} {}

  void handles(Handlers& on) override {
    on.tell<wire::Add>([this](const Frame& frame) { add(frame); });
    on.ask<wire::Add>([this](const Frame& frame, Reply reply) {
      add(frame);
      reply.answer(total_frame(total_, context_.incarnation()));
    });
    on.ask<wire::Total>([this](const Frame&, Reply reply) {
      reply.answer(total_frame(total_, context_.incarnation()));
    });
    on.tell<wire::Poke>([this](const Frame& frame) { poke(PokeOrder{frame}, {}); });
    on.ask<wire::Poke>(
        [this](const Frame& frame, Reply reply) { poke(PokeOrder{frame}, std::move(reply)); });
  }

 private:
  void add(const Frame& frame) {
    read_head<wire::Add>(frame, [&](wire::Add::Reader head) { total_ += head.getAmount(); });
  }

  void poke(const PokeOrder& order, Reply reply) {
    if (order.what == "throw") throw std::runtime_error{"poked"};
    if (order.what == "end") return context_.end();
    if (order.what == "keep") return kept_.add(std::move(reply));
    if (order.what == "malformed")
      return read_head<wire::Total>(Frame{}, [](wire::Total::Reader) {});
    if (order.what == "memory") {
      context_.memory(order.whom)->writable_bytes()[0] = std::byte{42};
      return reply.answer(total_frame(total_));
    }
    if (order.what == "wait") {
      const auto late = std::make_shared<Reply>(std::move(reply));
      context_.after(std::chrono::milliseconds{100},
                     [this, late] { late->answer(total_frame(total_)); });
    }
    if (order.what == "sum")
      context_.ask<wire::Total>(context_.ref(order.whom), total_frame(), std::chrono::seconds{2},
                                pass_on(std::move(reply)));
    if (order.what == "hang") {
      std::unique_lock lock{gate().mutex};
      gate().changed.wait(lock, [] { return gate().open; });
    }
    if (order.what == "tell") context_.tell<wire::Add>(context_.ref(order.whom), add_frame(1));
  }

  Context& context_;
  std::int64_t total_;
  Waiters kept_;
};

class Late final : public Counter {
 public:
  Late(Context& context, const Parameters& with) : Counter{context, with} {
    context.not_ready_yet();
    context.after(std::chrono::milliseconds{50}, [&context] { context.ready(); });
  }
};

class Refuses final : public Actor {
 public:
  Refuses(Context&, const Parameters&) { throw std::runtime_error{"it refuses to be made"}; }
  void handles(Handlers&) override {}
};

class Stubborn final : public Counter {
 public:
  using Counter::Counter;
  bool stopping() override { return false; }
};

class Echo final : public Actor {
 public:
  Echo(Context&, const Parameters&) {}
  void handles(Handlers& on) override {
    on.ask<wire::Poke>([](const Frame& frame, Reply reply) { reply.answer(frame); });
  }
};

class Endless final : public Actor {
 public:
  Endless(Context& context, const Parameters&) : context_{context} { go_on(); }
  void handles(Handlers& on) override {
    on.tell<wire::Add>([this](const Frame&) { go_on(); });
  }

 private:
  void go_on() { context_.tell<wire::Add>(context_.self(), add_frame(1)); }
  Context& context_;
};

class Works final : public Actor {
 public:
  Works(Context& context, const Parameters&) : context_{context} {}
  void handles(Handlers& on) override {
    on.ask<wire::Poke>([this](const Frame& frame, Reply reply) {
      const auto asker = std::make_shared<Reply>(std::move(reply));
      ExecutorOptions options;
      options.name = "work";
      context_.executor(options).run(
          [what = PokeOrder{frame}.what] {
            if (what == "throw") throw std::runtime_error{"the job failed"};
            return total_frame(42);
          },
          [asker](const Frame& result) { asker->answer(result); });
    });
  }

 private:
  Context& context_;
};

}  // namespace

std::function<void(const Answer&)> pass_on(Reply reply) {
  return [asker = std::make_shared<Reply>(std::move(reply))](const Answer& answer) {
    answer.ok() ? asker->answer(answer.frame()) : asker->refuse(answer.failure().text);
  };
}

PokeOrder::PokeOrder(const Frame& frame) {
  read_head<wire::Poke>(frame, [&](wire::Poke::Reader poke) {
    what = poke.getWhat().cStr();
    whom = poke.getWhom().cStr();
  });
}

Registry test_registry() {
  Registry registry;
  const std::vector<ParameterSchema> start = {{"start", ParameterType::integer,
                                               "What it begins with.", "",
                                               ParameterValue{std::int64_t{0}}}};
  registry.add<Counter>("counter", "Counts.", start);
  registry.add<Late>("late", "Is ready later.", start);
  registry.add<Refuses>("refuses", "Cannot be made.");
  registry.add<Stubborn>("stubborn", "Does not end when asked.", start);
  registry.add<Echo>("echo", "Answers with what it was asked.");
  registry.add<Endless>("endless", "Never rests.");
  registry.add<Works>("works", "Works on an executor.");
  add_channel_actors(registry);
  add_liar(registry);
  add_mirror(registry);
  return registry;
}

void release_hanging() {
  const std::lock_guard lock{gate().mutex};
  gate().open = true;
  gate().changed.notify_all();
}

Frame add_frame(std::int64_t amount) {
  return make_frame<wire::Add>([&](wire::Add::Builder head) { head.setAmount(amount); });
}

Frame total_frame(std::int64_t value, std::uint64_t incarnation) {
  return make_frame<wire::Total>([&](wire::Total::Builder head) {
    head.setValue(value);
    head.setIncarnation(incarnation);
  });
}

Frame poke_frame(const std::string& what, const std::string& whom) {
  return make_frame<wire::Poke>([&](wire::Poke::Builder head) {
    head.setWhat(what);
    head.setWhom(whom);
  });
}

std::int64_t total_of(const Answer& answer) {
  std::int64_t total = 0;
  read_head<wire::Total>(answer.frame(),
                         [&](wire::Total::Reader head) { total = head.getValue(); });
  return total;
}

std::uint64_t incarnation_of(const Answer& answer) {
  std::uint64_t incarnation = 0;
  read_head<wire::Total>(answer.frame(),
                         [&](wire::Total::Reader head) { incarnation = head.getIncarnation(); });
  return incarnation;
}

ChildSpec child(std::string name, std::string type, Restart restart) {
  ChildSpec spec;
  spec.name = std::move(name);
  spec.type = std::move(type);
  spec.restart = restart;
  if (spec.type == "counter" || spec.type == "late" || spec.type == "stubborn")
    spec.parameters = Parameters{{{"start", ParameterValue{std::int64_t{0}}}}};
  return spec;
}

}  // namespace troupe::test
