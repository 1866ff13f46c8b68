#include "runtime/actor/reply.hpp"

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/actor/envelope.hpp"
#include "runtime/actor/host.hpp"
#include "runtime/actor/name_table.hpp"
#include "runtime/base/virtual_clock.hpp"
#include "runtime/cluster/link.hpp"
#include "tests/support/actors.hpp"
#include "tests/support/fake_mailbox.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::test;

namespace {

class Askers final : public Peer {
 public:
  void send(Envelope envelope) override { mailbox.push(std::move(envelope)); }
  void leave() override {}
  FakeMailbox mailbox;
};

/// Makes replies that /a, of incarnation 1, owes to askers in another process.
struct Fixture {
  VirtualClock clock;
  NameTable names;
  Name& a = names.intern("/a");
  std::shared_ptr<FakeMailbox> mailbox = std::make_shared<FakeMailbox>();
  std::shared_ptr<Askers> askers = std::make_shared<Askers>();
  std::shared_ptr<Link> link =
      std::make_shared<Link>(names, clock, "the asker", [](const Envelope&) {});

  Fixture() {
    a.begin(1, mailbox);
    link->joined(askers);
  }
  Reply ask() {
    Envelope envelope;
    envelope.kind = EnvelopeKind::ask;
    envelope.request = 1;
    envelope.enclose().route = Route{"/a", {}};
    link->received(std::move(envelope));
    std::vector<Envelope> came = mailbox->take();
    REQUIRE(came.size() == 1);
    return std::move(came[0].reply);
  }
  /// What the askers were told, one after the other.
  std::string told() {
    std::string all;
    for (const Envelope& envelope : askers->mailbox.take())
      all += (all.empty() ? "" : "; ") + (envelope.failure() ? envelope.failure()->text : "ok");
    return all;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "Reply: the first answer counts, and nothing after it (CELL-2)") {
  Reply reply = ask();
  CHECK(reply.open());
  reply.answer(total_frame());
  CHECK_FALSE(reply.open());
  reply.answer(total_frame());
  reply.refuse("no");
  CHECK(told() == "ok");
  Reply other = ask();
  other.refuse("no");
  other.answer(total_frame());
  CHECK(told() == "/a: no");
  Reply().answer(total_frame());
  Reply().refuse("nobody asked");
  CHECK(told() == "");
}

TEST_CASE_FIXTURE(Fixture, "Reply: one that is let go says so, or why its holder ended (CELL-2)") {
  { const Reply reply = ask(); }
  CHECK(told() == "/a dropped the request without an answer");
  {
    Reply reply = ask();
    reply = Reply{};
    CHECK(told() == "/a dropped the request without an answer");
  }
  {
    const Reply reply = ask();
    a.set_exit(1, {ExitKind::failed, "thrown"});
  }
  CHECK(told() == "/a ended (failed): thrown");
}

TEST_CASE_FIXTURE(Fixture, "Reply: moved on, it is owed once") {
  Reply reply = ask();
  Reply second = std::move(reply);
  Reply third;
  third = std::move(second);
  CHECK(told() == "");
  CHECK(third.open());
  std::thread{[late = std::make_shared<Reply>(std::move(third))] {
    late->answer(total_frame());
  }}.join();
  CHECK(told() == "ok");
}

TEST_CASE_FIXTURE(Fixture, "Reply: an incarnation that counts no more answers nothing (CELL-3)") {
  Reply voided = ask(), refused = ask(), replaced = ask();
  a.make_void(1);
  voided.answer(total_frame());
  refused.refuse("no");
  CHECK(told() ==
        "/a ended (killed): its supervisor ended it; /a ended (killed): its supervisor ended it");
  a.begin(2, mailbox);
  replaced.answer(total_frame());
  CHECK(told() == "/a ended (lost): it was replaced");
}

TEST_CASE_FIXTURE(Fixture,
                  "DroppedReplies: what is let go meanwhile is answered when the reason is known") {
  {
    const DroppedReplies dropped;
    { const Reply reply = ask(); }
    CHECK(told() == "");
    a.set_exit(1, {ExitKind::failed, "thrown"});
  }
  CHECK(told() == "/a ended (failed): thrown");
}

TEST_CASE_FIXTURE(Fixture, "DroppedReplies: the inner one refuses its own, and leaves the rest") {
  {
    DroppedReplies outer;
    { const Reply reply = ask(); }
    {
      DroppedReplies inner;
      { const Reply reply = ask(); }
      inner.refuse("malformed");
      CHECK(told() == "/a: malformed");
      { const Reply reply = ask(); }
    }
    CHECK(told() == "");
  }
  CHECK(told() ==
        "/a dropped the request without an answer; /a dropped the request without an answer");
}

TEST_CASE_FIXTURE(Fixture,
                  "Waiters: all are answered the same, and one past the limit is refused") {
  Waiters waiters{2};
  for (int k = 0; k < 3; ++k) waiters.add(ask());
  CHECK(waiters.size() == 2);
  CHECK(told() == "/a: 2 requests wait for the same answer already");
  waiters.answer(total_frame());
  CHECK(told() == "ok; ok");
  CHECK(waiters.size() == 0);
  waiters.add(ask());
  waiters.refuse("later");
  CHECK(told() == "/a: later");
  {
    const Waiters dying = [&] {
      Waiters made;
      made.add(ask());
      return made;
    }();
  }
  CHECK(told() == "/a dropped the request without an answer");
}
