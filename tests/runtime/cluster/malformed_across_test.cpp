#include "tests/support/node_fixture.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::test;

namespace {

struct Lied : NodeFixture {
  Lied() { start({child("near"), child("reader", "reader"), isolated(child("far", "liar"))}); }

  /// What of /near, the root and /reader was counted as malformed.
  bool counted(const std::string& type, int count) {
    const std::string line = "troupe_actor_malformed_messages_total{type=\"" + type + "\"} " +
                             std::to_string(count) + "\n";
    return node->metrics().find(line) != std::string::npos;
  }
  std::vector<LogRecord::Field> logged(const std::string& message) {
    for (const LogRecord& record : node->log().records_since(0, 10'000).records)
      if (record.message == message) return record.fields;
    return {};
  }
};

}  // namespace

TEST_CASE_FIXTURE(Lied, "Malformed across: a request that is unsound is refused, and all goes on") {
  int adds = 0;
  int refused = 0;
  for (const auto& [lie, why] : {std::pair{"type", "struct pointer"},
                                 {"traversal", "traversal limit"},
                                 {"nesting", "nested"}}) {
    const std::string text = poke("/far", lie, "/").failure().text;
    CAPTURE(text);
    CHECK(text.find("a malformed StartChild: ") != std::string::npos);
    CHECK(text.find(why) != std::string::npos);
    CHECK(text.find('\n') == std::string::npos);
    CHECK(counted("supervisor", ++refused));
    CHECK(total("/near") == (adds += 2));  // what the liar said before and behind it
  }
  node->start_child("/", child("another"));
  REQUIRE(node->wait_until_running("/another", std::chrono::seconds{30}));
  CHECK(row("/far").restarts == 0);
}

TEST_CASE_FIXTURE(Lied, "Malformed across: a tell that is unsound is counted and logged by type") {
  CHECK(poke("/far", "tell", "/near").ok());
  CHECK(total("/near") == 2);
  CHECK(counted("counter", 1));
  const auto fields = logged("a malformed message was thrown away");
  REQUIRE(fields.size() == 3);
  CHECK(fields[0].value == "Add");
  CHECK(fields[1].value == "/far");
  CHECK(row("/near").restarts == 0);
}

TEST_CASE_FIXTURE(Lied, "Malformed across: an answer that is unsound costs the answer") {
  const std::string text = poke("/reader", "answer", "far").failure().text;
  CAPTURE(text);
  CHECK(text.find("a malformed answer to Poke: ") != std::string::npos);
  CHECK(counted("reader", 1));
  CHECK(row("/reader").restarts == 0);
  CHECK(poke("/far", "tell", "/near").ok());
}
