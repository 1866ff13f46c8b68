#include "runtime/cluster/worker_report.hpp"

#include <chrono>

#include "runtime/base/error.hpp"
#include "runtime/supervision/tree_messages.hpp"
#include "serialization/malformed_frame.hpp"

using namespace troupe;
using namespace troupe::runtime;

TEST_CASE("WorkerReport: arrives as it was sent") {
  WorkerReport sent;
  sent.mailbox_depth = 1ULL << 40;
  sent.metrics = "# HELP a b\n";
  ProcessRow row;
  row.path = "/far/a";
  row.type = "counter";
  row.state = "running";
  row.restarts = 3;
  row.uptime = std::chrono::seconds{5};
  sent.below.rows = {row};
  WorkerReport came;
  read(to_frame(sent), came);
  CHECK(came.mailbox_depth == sent.mailbox_depth);
  CHECK(came.metrics == sent.metrics);
  CHECK(came.below == sent.below);
  CHECK_THROWS_AS(read(to_frame(Stop{"/far", 1}), came), Error);  // rows that are no JSON
}

TEST_CASE("WorkerReport: a record of a log arrives as it was sent") {
  LogRecord sent;
  sent.time = WallTime{std::chrono::microseconds{1'700'000'000'000'001}};
  sent.level = LogLevel::error;
  sent.actor = "/far";
  sent.component = "counter";
  sent.message = "no\nline";
  sent.fields = {{"why", "it is so", false}, {"step", "7", true}};
  LogRecord came;
  read(to_frame(sent), came);
  CHECK(came.time == sent.time);
  CHECK(to_line(came, LogFormat::json) == to_line(sent, LogFormat::json));
  sent.fields = {{"k", "1}}\n{\"forged\": true", true}, {"n", "-1.5e3", true}, {"b", "true", true}, {"s", "\"x\"", true}};
  came = {};
  read(to_frame(sent), came);
  REQUIRE(came.fields.size() == 4);
  CHECK_FALSE(came.fields[0].bare);
  CHECK(came.fields[1].bare);
  CHECK(came.fields[2].bare);
  CHECK_FALSE(came.fields[3].bare);
  sent.level = LogLevel::off;
  CHECK_THROWS_AS(read(to_frame(sent), came), serialization::MalformedFrame);
}
