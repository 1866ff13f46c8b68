#include "runtime/actor/cell.hpp"

#include <capnp/message.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "runtime/actor/executor_threads.hpp"
#include "runtime/actor/faults.hpp"
#include "runtime/actor/name_table.hpp"
#include "runtime/actor/services.hpp"
#include "runtime/base/virtual_clock.hpp"
#include "runtime/cluster/memories.hpp"
#include "runtime/supervision/child_launcher.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "serialization/frame_reader.hpp"
#include "tests/messages.capnp.h"
#include "tests/support/actors.hpp"
#include "tests/support/fake_mailbox.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

class NoChildren final : public ChildLauncher {
 public:
  std::uint64_t new_incarnation() override { return 1; }
  void start(const ChildSpec&, const std::string&, std::uint64_t) override {}
  void stop(const std::string&, std::uint64_t) override {}
  void kill(const std::string&, std::uint64_t, const std::string&) override {}
};

/// Writes down from whom each Add came; does with a Poke what the test says.
class Subject final : public Actor {
 public:
  Subject(Context& context, std::string& heard, std::function<void(Context&)>& on_poke)
      : context_{context}, heard_{heard}, on_poke_{on_poke} {}
  void handles(Handlers& on) override {
    on.tell<wire::Add>(
        [this](const Frame&) { heard_ += (heard_.empty() ? "" : " ") + context_.sender().path(); });
    on.tell<wire::Poke>([this](const Frame&) { on_poke_(context_); });
    on.ask<wire::Total>([](const Frame&, Reply reply) { reply.answer(total_frame()); });
  }

 private:
  Context& context_;
  std::string& heard_;
  std::function<void(Context&)>& on_poke_;
};

struct Fixture {
  VirtualClock clock;
  NameTable names;
  TimerTable timers;
  ExecutorThreads executors{ExecutorThreads::Mode::manual};
  NoChildren children;
  Log log{LogOptions{}, clock};
  Metrics metrics;
  ActorMetrics of_subjects{metrics, "subject"};
  Faults faults{timers, clock};
  Memories memories;
  Services services{clock, names, timers, executors, children, memories, log, metrics, faults};
  Name& a = names.intern("/a");
  Name& b = names.intern("/b");
  std::string heard;
  std::function<void(Context&)> on_poke = [](Context&) {};
  std::shared_ptr<FakeMailbox> mailbox = std::make_shared<FakeMailbox>();
  std::shared_ptr<FakeMailbox> other = std::make_shared<FakeMailbox>();  // of /b, incarnation 3
  std::optional<Cell> cell;

  Fixture() {
    b.begin(3, other);
    make(2);
  }
  /// /a as this incarnation, which has not begun to run.
  void make(std::uint64_t incarnation) {
    cell.reset();
    cell.emplace(services, a, incarnation, "subject", of_subjects, [this](Context& context) {
      return std::make_unique<Subject>(context, heard, on_poke);
    });
    cell->attach(mailbox);
    a.begin(incarnation, mailbox);
  }
  template <class T>
  bool tell(const Frame& frame, std::uint64_t from_incarnation = 3) {
    Envelope envelope;
    envelope.type = MessageType::of<T>().id;
    envelope.from = &b;
    envelope.from_incarnation = from_incarnation;
    envelope.to = &a;
    envelope.frame = frame;
    return cell->receive(envelope);
  }
  bool turn(std::function<void(Cell&)> run) {
    Envelope envelope;
    envelope.kind = EnvelopeKind::run;
    envelope.enclose().run = std::move(run);
    return cell->receive(envelope);
  }
  /// Hands over what came to its own mailbox meanwhile.
  void run() {
    for (Envelope& envelope : mailbox->take()) cell->receive(envelope);
  }
  void advance(Duration by) {
    clock.advance(by);
    timers.run_due(clock.now());
    run();
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "Cell: an actor is up once it was made, and ends with its reason (CELL-1)") {
  CHECK_FALSE(a.is_up());
  REQUIRE(cell->start());
  CHECK(a.is_up());
  on_poke = [](Context&) { throw std::runtime_error{"poked"}; };
  CHECK_FALSE(tell<wire::Poke>(poke_frame("")));
  CHECK_FALSE(tell<wire::Add>(add_frame(1)));
  cell->finish({ExitKind::killed, "otherwise"});
  CHECK(heard == "");
  CHECK_FALSE(a.is_up());
  CHECK(a.last_exit()->kind == ExitKind::failed);
  CHECK(a.last_exit()->reason == "poked");
}

TEST_CASE_FIXTURE(Fixture, "Cell: one that is void before it began is never made (CELL-3)") {
  a.make_void(2);
  CHECK_FALSE(cell->start());
  CHECK_FALSE(a.is_up());
}

TEST_CASE_FIXTURE(Fixture, "Cell: what an older incarnation sent is not handled (NAME-1)") {
  REQUIRE(cell->start());
  tell<wire::Add>(add_frame(1), 2);
  CHECK(heard == "");
  tell<wire::Add>(add_frame(1), 3);
  CHECK(heard == "/b");
  b.make_void(3);
  tell<wire::Add>(add_frame(1), 3);
  CHECK(heard == "/b");
}

TEST_CASE_FIXTURE(Fixture,
                  "Cell: what another incarnation of it was meant to hear is not handled") {
  REQUIRE(cell->start());
  for (const std::uint64_t meant : {1, 2, 3}) {
    Envelope envelope;
    envelope.type = MessageType::of<wire::Add>().id;
    envelope.from = &b;
    envelope.from_incarnation = 3;
    envelope.to_incarnation = meant;
    envelope.frame = add_frame(1);
    cell->receive(envelope);
    CHECK(heard == (meant == 1 ? "" : "/b"));
  }
}

TEST_CASE_FIXTURE(Fixture, "Cell: an incarnation that counts no more sends nothing (CELL-3)") {
  REQUIRE(cell->start());
  int answers = 0;
  on_poke = [&](Context& context) {
    context.tell<wire::Add>(context.ref("b"), add_frame(1));
    context.ask<wire::Total>(context.ref("b"), total_frame(), 1s,
                             [&](const Answer&) { ++answers; });
  };
  tell<wire::Poke>(poke_frame(""));
  CHECK(other->take().size() == 2);
  run();
  CHECK(answers == 1);  // it was thrown away with its reply
  a.make_void(2);
  tell<wire::Poke>(poke_frame(""));
  CHECK(other->take().empty());
  advance(2s);
  CHECK(answers == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "Cell: one that is not running may begin elsewhere, so it is not local") {
  REQUIRE(cell->start());
  on_poke = [](Context& context) {
    CHECK(context.is_local(context.ref("b")));
    CHECK_FALSE(context.is_local(context.ref("nobody")));
  };
  CHECK(tell<wire::Poke>(poke_frame("")));
}

TEST_CASE_FIXTURE(Fixture, "Cell: an answer that is malformed costs the answer only") {
  REQUIRE(cell->start());
  on_poke = [](Context& context) {
    context.ask<wire::Total>(context.ref("b"), total_frame(), 1s, [](const Answer& answer) {
      serialization::read_head<wire::Total>(answer.frame(), [](wire::Total::Reader) {});
    });
  };
  tell<wire::Poke>(poke_frame(""));
  other->take().at(0).reply.answer(Frame{});
  std::vector<Envelope> answers = mailbox->take();
  REQUIRE(answers.size() == 1);
  CHECK(cell->receive(answers[0]));
  CHECK(of_subjects.malformed.value() == 1);
  tell<wire::Add>(add_frame(1));
  CHECK(heard == "/b");
}

TEST_CASE_FIXTURE(Fixture,
                  "Cell: a request is answered or its deadline passes, never both (CELL-2)") {
  REQUIRE(cell->start());
  std::vector<std::string> answers;
  on_poke = [&](Context& context) {
    context.ask<wire::Total>(context.ref("b"), total_frame(), 1s, [&](const Answer& answer) {
      answers.push_back(answer.ok() ? "ok" : answer.failure().text);
    });
  };
  tell<wire::Poke>(poke_frame(""));
  tell<wire::Poke>(poke_frame(""));
  std::vector<Envelope> asked = other->take();
  REQUIRE(asked.size() == 2);
  CHECK(asked[0].left == 1s);
  CHECK(asked[0].to_incarnation == 3);
  asked[1].reply.answer(total_frame());
  run();
  CHECK(answers == std::vector<std::string>{"ok"});
  advance(1s - 1ns);
  CHECK(answers.size() == 1);
  advance(1ns);
  CHECK(answers == std::vector<std::string>{"ok", "/b did not answer within 1s"});
  asked[0].reply.answer(total_frame());
  run();
  advance(10s);
  CHECK(answers.size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "Cell: who asked one that hangs and was given up hears so before the deadline") {
  std::string said;
  on_poke = [&said](Context& context) {
    context.ask<wire::Total>(context.ref("/b"), total_frame(), 60s, [&said](const Answer& answer) {
      said = answer.ok() ? "ok" : answer.failure().text;
    });
  };
  CHECK(cell->start());
  CHECK(tell<wire::Poke>(poke_frame("")));
  advance(5s);
  CHECK(said.empty());
  b.make_void(3);  // and it keeps the request
  advance(1s);
  CHECK(said == "/b ended (killed): its supervisor ended it");
  said.clear();
  b.begin(4, other);
  CHECK(tell<wire::Poke>(poke_frame(""), 4));
  advance(59s);
  CHECK(said.empty());
  advance(1s);
  CHECK(said == "/b did not answer within 1m");
}

TEST_CASE_FIXTURE(Fixture, "Cell: a stall holds back what comes, and then it is handled as usual") {
  REQUIRE(cell->start());
  turn([](Cell& stalled) { stalled.stall(1s); });
  tell<wire::Add>(add_frame(1));
  turn([](Cell& stalled) { stalled.stall(1s); });
  tell<wire::Add>(add_frame(1));
  CHECK(heard == "");
  advance(1s);
  CHECK(heard == "/b");  // the second stall began behind it
  advance(1s);
  CHECK(heard == "/b /b");
}

TEST_CASE_FIXTURE(Fixture, "Cell: timers run once, at their time, unless they are cancelled") {
  REQUIRE(cell->start());
  std::string ran;
  on_poke = [&](Context& context) {
    context.after(20ms, [&ran] { ran += "b"; });
    context.after(10ms, [&ran] { ran += "a"; });
    context.cancel(context.after(15ms, [&ran] { ran += "x"; }));
  };
  tell<wire::Poke>(poke_frame(""));
  advance(10ms - 1ns);
  CHECK(ran == "");
  advance(1ns);
  CHECK(ran == "a");
  advance(1s);
  CHECK(ran == "ab");
}

TEST_CASE_FIXTURE(Fixture,
                  "Cell: a watcher hears what becomes of another until it looks away (NAME-2)") {
  REQUIRE(cell->start());
  b.up(3);
  std::string changes;
  std::uint64_t watch = 0;
  on_poke = [&](Context& context) {
    watch = context.watch(context.ref("b"), [&](const Change& change) {
      changes += std::to_string(change.incarnation) + (change.up ? "+" : "-");
    });
  };
  tell<wire::Poke>(poke_frame(""));
  b.down(3, {});
  run();
  CHECK(changes == "3+3-");
  b.begin(4, other);
  b.up(4);
  cell->unwatch(watch);  // what is under way is not told either
  run();
  b.down(4, {});
  run();
  CHECK(changes == "3+3-");
}
