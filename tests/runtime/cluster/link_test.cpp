#include "runtime/cluster/link.hpp"

#include <capnp/message.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/actor/envelope.hpp"
#include "runtime/actor/name_table.hpp"
#include "runtime/base/virtual_clock.hpp"
#include "serialization/make_frame.hpp"
#include "tests/messages.capnp.h"
#include "tests/support/actors.hpp"
#include "tests/support/fake_mailbox.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

/// What one side sent and the other has not received.
class Wire final : public Peer {
 public:
  void send(Envelope envelope) override {
    const std::lock_guard lock{mutex_};
    envelope.from = envelope.to = nullptr;  // pointers mean nothing beyond
    under_way_.push_back(std::move(envelope));
  }
  void leave() override {
    const std::lock_guard lock{mutex_};
    left_ = true;
  }
  bool left() const {
    const std::lock_guard lock{mutex_};
    return left_;
  }
  std::deque<Envelope> take() {
    const std::lock_guard lock{mutex_};
    return std::exchange(under_way_, {});
  }

 private:
  mutable std::mutex mutex_;
  std::deque<Envelope> under_way_;
  bool left_ = false;
};

struct Side {
  VirtualClock& clock;
  NameTable names{100};
  std::vector<std::uint64_t> controls = {};
  std::shared_ptr<Wire> wire = std::make_shared<Wire>();
  std::shared_ptr<Link> link = std::make_shared<Link>(
      names, clock, "worker /w",
      [this](const Envelope& envelope) { controls.push_back(envelope.type); });

  std::shared_ptr<FakeMailbox> actor(const std::string& path) {
    auto mailbox = std::make_shared<FakeMailbox>();
    names.intern(path).begin(1, mailbox);
    return mailbox;
  }
};

/// An actor /a here asks /b there.
struct Pair {
  VirtualClock clock;
  Side here{clock}, there{clock};
  std::shared_ptr<FakeMailbox> a = here.actor("/a"), b = there.actor("/b");
  // Replies for `a` come from a link of its own, since links alone make them.
  std::shared_ptr<Wire> askers = std::make_shared<Wire>();
  std::shared_ptr<Link> source =
      std::make_shared<Link>(here.names, clock, "the asker", [](const Envelope&) {});

  Pair() {
    here.names.intern("/b").route_through(here.link);
    source->joined(askers);
  }
  void join() {
    here.link->joined(here.wire);
    there.link->joined(there.wire);
  }
  void pump() {
    for (bool moved = true; moved;) {
      moved = false;
      for (auto& [from, to] : {std::pair{&here, &there}, std::pair{&there, &here}})
        for (Envelope& envelope : from->wire->take()) {
          moved = true;
          to->link->received(std::move(envelope));
        }
    }
  }
  void tell(std::int64_t amount, const char* to = "/b") {
    Envelope envelope;
    envelope.type = MessageType::of<wire::Add>().id;
    envelope.from = &here.names.intern("/a");
    envelope.to = &here.names.intern(to);
    envelope.frame = add_frame(amount);
    here.link->push(std::move(envelope));
  }
  /// As an asker beyond `source` does, whose answers come out in `askers`.
  void ask(std::uint64_t request, const char* to = "/b") {
    Envelope envelope;
    envelope.kind = EnvelopeKind::ask;
    envelope.type = MessageType::of<wire::Total>().id;
    envelope.request = request;
    envelope.left = 1s;
    envelope.frame = total_frame();
    envelope.enclose().route = Route{to, "/a"};
    source->received(std::move(envelope));
  }
  /// "7: ok", "8: why not", in order.
  std::string answers() {
    std::string all;
    for (const Envelope& envelope : askers->take())
      all += (all.empty() ? "" : "; ") + std::to_string(envelope.request) + ": " +
             (envelope.failure() ? envelope.failure()->text : "ok");
    return all;
  }
};

std::int64_t amount_of(const Envelope& envelope) {
  return total_of(Answer{envelope.frame});  // an Add is read as a Total is
}

}  // namespace

TEST_CASE_FIXTURE(Pair,
                  "Link: what is pushed before it is joined goes out then, in order (LINK-2)") {
  for (std::int64_t k = 0; k < 10; ++k) tell(k);
  CHECK(here.link->depth() == 10);
  join();
  for (std::int64_t k = 10; k < 20; ++k) tell(k);
  CHECK(here.link->depth() == 0);
  pump();
  const std::vector<Envelope> came = b->take();
  REQUIRE(came.size() == 20);
  for (std::size_t k = 0; k < came.size(); ++k) {
    CHECK(amount_of(came[k]) == static_cast<std::int64_t>(k));
    REQUIRE(came[k].from != nullptr);
    CHECK(came[k].from->path() == "/a");
    CHECK(came[k].to == there.names.find("/b"));
  }
}

TEST_CASE_FIXTURE(Pair, "Link: past its bound, what waits is thrown away and asks fail (LINK-2)") {
  for (std::size_t k = 0; k < Link::max_waiting + 5; ++k) tell(0);
  CHECK(here.link->depth() == Link::max_waiting);
  ask(3);
  CHECK(answers() == "3: worker /w: too much waits for it to come up");
}

TEST_CASE_FIXTURE(Pair, "Link: a request is answered once, by the other side (LINK-1)") {
  join();
  ask(7);
  ask(8);
  pump();
  CHECK(here.link->open_requests() == 2);
  std::vector<Envelope> came = b->take();
  REQUIRE(came.size() == 2);
  CHECK(came[0].left == 1s);
  came[0].reply.answer(total_frame(1));
  came[0].reply.answer(total_frame(2));
  came[1].reply.refuse("no");
  pump();
  CHECK(answers() == "7: ok; 8: /b: no");
  CHECK(here.link->open_requests() == 0);
  here.link->end("it is over");
  CHECK(answers() == "");
}

TEST_CASE_FIXTURE(Pair, "Link: at its end each open request fails with the reason, once (LINK-1)") {
  ask(1);
  join();
  ask(2);
  pump();
  std::vector<Envelope> came = b->take();
  REQUIRE(came.size() == 2);
  here.link->end("SIGKILL");
  here.link->end("again");
  const std::string said = answers();
  CHECK((said == "1: worker /w: SIGKILL; 2: worker /w: SIGKILL" ||
         said == "2: worker /w: SIGKILL; 1: worker /w: SIGKILL"));
  CHECK(here.wire->left());
  came[0].reply.answer(total_frame());
  pump();
  ask(3);
  tell(1);
  CHECK(answers() == "3: worker /w: SIGKILL");
  CHECK(here.wire->take().empty());
}

TEST_CASE_FIXTURE(Pair, "Link: requests whose askers wait no longer are forgotten") {
  join();
  ask(1);
  clock.advance(1s);
  here.link->forget_expired();
  CHECK(here.link->open_requests() == 1);
  clock.advance(1ns);
  here.link->forget_expired();
  CHECK(here.link->open_requests() == 0);
  pump();
  std::vector<Envelope> came = b->take();
  REQUIRE(came.size() == 1);
  answers();
  came[0].reply.answer(total_frame());  // too late
  pump();
  CHECK(answers() == "");
}

TEST_CASE_FIXTURE(Pair,
                  "Link: what comes for nobody costs the message, and an asker hears (LINK-3)") {
  join();
  here.names.intern("/nobody").route_through(here.link);
  tell(1, "/nobody");
  ask(1, "/nobody");
  pump();
  CHECK(answers() == "1: /nobody is not running");
  CHECK(there.names.find("/nobody") == nullptr);
  CHECK(b->take().empty());
}

TEST_CASE_FIXTURE(Pair, "Link: a message that is too large to cross stays here, and an asker hears so (LINK-4)") {
  join();
  const Frame large = serialization::make_frame<wire::Total>([](wire::Total::Builder) {},
                                                             std::vector<std::byte>(most_bytes_across));
  Envelope envelope;
  envelope.kind = EnvelopeKind::tell;
  envelope.frame = large;
  here.link->push(std::move(envelope));
  CHECK(there.wire->take().empty());
  ask(1);  // from beyond: what answers it is too large
  pump();
  std::vector<Envelope> came = b->take();
  REQUIRE(came.size() == 1);
  came[0].reply.answer(large);
  pump();
  CHECK(answers().find("1: ") == 0);
  CHECK(answers().find("ok") == std::string::npos);
}

TEST_CASE_FIXTURE(Pair, "Link: an unsound message costs the message, and an asker hears (LINK-3)") {
  join();
  const auto come = [&](EnvelopeKind kind, const char* from, const char* unsound) {
    Envelope envelope;
    envelope.kind = kind;
    envelope.request = 5;
    envelope.enclose().route = Route{"/b", from};
    if (*unsound)
      envelope.enclosed->failure = std::make_shared<const Failure>(Failure{FailureKind::refused, unsound});
    there.link->received(std::move(envelope));
  };
  come(EnvelopeKind::tell, "no path", "");
  come(EnvelopeKind::ask, "no path", "");
  come(EnvelopeKind::tell, "/a", "bad frame");
  come(EnvelopeKind::ask, "/a", "bad frame");
  come(EnvelopeKind::answer, "/a", "");  // to no request of ours
  there.link->received(Envelope{});      // without a route
  CHECK(b->take().empty());
  const std::deque<Envelope> said = there.wire->take();
  REQUIRE(said.size() == 2);
  CHECK(said[0].failure()->kind == FailureKind::refused);
  CHECK(said[1].failure()->text == "/b: bad frame");
}

TEST_CASE_FIXTURE(Pair, "Link: control messages go to the runtime beyond, and to no actor") {
  join();
  here.link->control(MessageType::of<wire::Add>(), add_frame(1));
  pump();
  CHECK(there.controls == std::vector<std::uint64_t>{MessageType::of<wire::Add>().id});
  CHECK(b->take().empty());
}

TEST_CASE_FIXTURE(Pair,
                  "Link: several threads ask while it ends, and each asker hears once (LINK-1)") {
  constexpr std::uint64_t requests = 2000;
  join();
  std::vector<std::thread> threads;
  for (const std::uint64_t first : {std::uint64_t{0}, requests}) {
    threads.emplace_back([this, first] {
      for (std::uint64_t k = 0; k < requests; ++k) ask(first + k);
    });
  }
  threads.emplace_back([this] {
    for (std::uint64_t seen = 0; seen < requests / 2;) {
      for (Envelope& envelope : here.wire->take()) there.link->received(std::move(envelope));
      for (Envelope& envelope : b->take()) {
        envelope.reply.answer(total_frame());
        ++seen;
      }
      for (Envelope& envelope : there.wire->take()) here.link->received(std::move(envelope));
    }
    here.link->end("it is over");
  });
  for (std::thread& thread : threads) thread.join();
  std::vector<int> heard(2 * requests);
  for (const Envelope& envelope : askers->take()) ++heard.at(envelope.request);
  CHECK(heard == std::vector<int>(2 * requests, 1));
  CHECK(here.link->open_requests() == 0);
}
