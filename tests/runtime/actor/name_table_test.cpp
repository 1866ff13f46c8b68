#include "runtime/actor/name_table.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/base/error.hpp"
#include "tests/support/fake_mailbox.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::test;

namespace {

std::string text(const Change& change) {
  return std::to_string(change.incarnation) +
         (change.up ? " up" : " " + std::string{to_string(change.exit.kind)});
}

/// Writes down what a watcher hears.
Name::Watcher note(std::string& heard) {
  return [&heard](const Change& change) { heard += (heard.empty() ? "" : ", ") + text(change); };
}

}  // namespace

TEST_CASE("NameTable: a name is made once, stays where it is, and tells the hook") {
  NameTable names;
  std::vector<std::string> made;
  names.on_new_name([&](Name& name) { made.push_back(name.path()); });
  Name& a = names.intern("/a");
  CHECK(&names.intern("/a") == &a);
  CHECK(names.find("/a") == &a);
  CHECK(names.find("/b") == nullptr);
  names.ref("/b/c");
  CHECK(made == std::vector<std::string>{"/a", "/b/c"});
  CHECK(names.all().size() == 2);
}

TEST_CASE("NameTable: malformed paths are refused, and one more than the limit is") {
  NameTable names{2};
  for (const std::string& path :
       {std::string{}, std::string{"a"}, std::string{"/a/"}, std::string{"//"},
        std::string{"/a//b"}, std::string{"/."}, std::string{"/a/.."}, std::string{"/a b"},
        std::string{"/a\0b", 4}, "/" + std::string(1024, 'a')})
    CHECK_THROWS_AS(names.intern(path), Error);
  CHECK(names.all().empty());
  names.intern("/");
  names.intern("/a-b_c.9/Z");
  CHECK_THROWS_AS(names.intern("/c"), Error);
  CHECK_NOTHROW(names.intern("/"));
}

TEST_CASE("absolute_path: leads from an actor's supervisor, and not above the root") {
  CHECK(absolute_path("/x/y", "/a/b") == "/x/y");
  CHECK(absolute_path("c", "/a/b") == "/a/c");
  CHECK(absolute_path("../c/d", "/a/b") == "/c/d");
  CHECK(absolute_path("c", "/") == "/c");
  CHECK_THROWS_AS(absolute_path("../c", "/a"), Error);
  CHECK_THROWS_AS(absolute_path("", "/a/b"), Error);
  CHECK_THROWS_AS(absolute_path("c/../d", "/a/b"), Error);
  CHECK(parent_path("/a/b") == "/a");
  CHECK(parent_path("/a") == "/");
  CHECK(child_path("/", "a") == "/a");
  CHECK(child_path("/a", "b") == "/a/b");
}

TEST_CASE("Name: incarnations only grow, and older ones do not count (NAME-1)") {
  Name name{"/a"};
  const auto mailbox = std::make_shared<FakeMailbox>();
  CHECK(name.begin(5, mailbox));
  CHECK(name.counts(5));
  CHECK_FALSE(name.counts(4));
  CHECK_FALSE(name.begin(5, mailbox));
  CHECK_FALSE(name.begin(4, mailbox));
  CHECK(name.target().incarnation == 5);
  CHECK(name.begin(6, mailbox));
  CHECK_FALSE(name.counts(5));
}

TEST_CASE("Name: a void incarnation counts no more, and cannot begin (NAME-1)") {
  Name name{"/a"};
  name.make_void(7);
  CHECK_FALSE(name.counts(7));
  CHECK_FALSE(name.begin(7, std::make_shared<FakeMailbox>()));
  CHECK(name.target().mailbox == nullptr);
  CHECK(name.begin(8, std::make_shared<FakeMailbox>()));
  name.make_void(7);  // which is old
  CHECK(name.counts(8));
}

TEST_CASE("Name: a watcher hears the state first, then each change, of the newest alone (NAME-2)") {
  Name name{"/a"};
  std::string first, second;
  const std::uint64_t id = name.watch(note(first));
  CHECK(first.empty());
  name.begin(1, std::make_shared<FakeMailbox>());
  name.up(1);
  name.watch(note(second));
  name.up(1);
  name.begin(2, std::make_shared<FakeMailbox>());
  name.down(1, {ExitKind::failed, "late"});
  name.up(1);
  name.up(2);
  name.down(2, {ExitKind::normal, {}});
  name.down(2, {ExitKind::failed, "again"});
  name.up(2);
  CHECK(first == "1 up, 1 killed, 2 up, 2 normal");
  CHECK(second == first);
  name.unwatch(id);
  name.begin(3, std::make_shared<FakeMailbox>());
  name.down(3, {ExitKind::lost, {}});
  CHECK(first == "1 up, 1 killed, 2 up, 2 normal");
  std::string third;
  name.watch(note(third));
  CHECK(third == "3 lost");
}

TEST_CASE("Name: the first reason of an end stays") {
  Name name{"/a"};
  name.begin(1, std::make_shared<FakeMailbox>());
  CHECK_FALSE(name.exit_of(1).has_value());
  CHECK_FALSE(name.last_exit().has_value());
  name.set_exit(1, {ExitKind::failed, "thrown"});
  CHECK_FALSE(name.last_exit().has_value());
  name.set_exit(1, {ExitKind::killed, "later"});
  name.down(1, {ExitKind::normal, "last"});
  CHECK(name.exit_of(1)->reason == "thrown");
  CHECK(name.last_exit()->kind == ExitKind::failed);
  name.begin(2, std::make_shared<FakeMailbox>());
  CHECK_FALSE(name.last_exit().has_value());
  CHECK(name.exit_of(1)->kind == ExitKind::lost);
  CHECK_FALSE(name.exit_of(2).has_value());
}

TEST_CASE("Name: where to send to follows each change") {
  Name name{"/a"};
  const auto resolver = std::make_shared<FakeMailbox>();
  const auto mailbox = std::make_shared<FakeMailbox>();
  std::uint64_t seen = name.changes();
  const auto changed = [&] { return std::exchange(seen, name.changes()) != seen; };
  name.route_through(resolver);
  CHECK(changed());
  CHECK(name.target().mailbox == resolver);
  CHECK(name.target().incarnation == 0);
  name.begin(1, mailbox);
  CHECK(changed());
  CHECK(name.target().mailbox == mailbox);
  name.up(1);
  CHECK(name.is_up());
  name.down(1, {});
  CHECK(changed());
  CHECK_FALSE(name.is_up());
  CHECK(name.target().mailbox == nullptr);  // known to be gone: nobody else is asked
}

TEST_CASE("Name: watchers on several threads hear each end once, in order (NAME-2)") {
  constexpr std::uint64_t lives = 2000;
  Name name{"/a"};
  std::atomic<std::uint64_t> next{0};
  std::atomic<bool> over{false};
  std::vector<std::string> wrong(2);
  const auto live = [&] {
    for (std::uint64_t life = next.fetch_add(1) + 1; life <= lives; life = next.fetch_add(1) + 1) {
      if (!name.begin(life, std::make_shared<FakeMailbox>())) continue;
      name.up(life);
      name.make_void(life);
      name.down(life, {ExitKind::normal, {}});
    }
  };
  const auto watch = [&](std::string& said) {
    while (!over.load()) {
      std::uint64_t newest = 0;
      bool down = true;
      const std::uint64_t id = name.watch([&](const Change& change) {
        // Up at most once after an end, and each end after what came before it.
        if (change.incarnation < newest) said = "an older one: " + text(change);
        if (change.incarnation == newest && (change.up || down)) said = "twice: " + text(change);
        newest = change.incarnation;
        down = !change.up;
      });
      for (int look = 0; look < 20; ++look) {
        const Name::Target target = name.target();
        if (target.mailbox && target.incarnation == 0) said = "a mailbox of nobody";
      }
      name.unwatch(id);
    }
  };
  std::string all;
  name.watch(note(all));
  std::vector<std::thread> threads;
  for (std::string& said : wrong) threads.emplace_back(watch, std::ref(said));
  std::vector<std::thread> living;
  for (int k = 0; k < 2; ++k) living.emplace_back(live);
  for (std::thread& thread : living) thread.join();
  over = true;
  for (std::thread& thread : threads) thread.join();
  for (const std::string& said : wrong) CHECK(said == "");
  CHECK_FALSE(all.empty());
  CHECK_FALSE(name.is_up());
  CHECK(name.last_exit().has_value());
}
