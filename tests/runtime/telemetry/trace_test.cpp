#include "runtime/telemetry/trace.hpp"

#include <future>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "runtime/base/error.hpp"
#include "runtime/base/virtual_clock.hpp"
#include "tests/support/file_double.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace std::chrono_literals;
using nlohmann::json;
using troupe::VirtualClock;
using troupe::test::FileDouble;
using troupe::test::text_of;

namespace {

struct Fixture {
  static std::shared_ptr<const TraceActor> actor(std::string path, std::string type = "loader") {
    return std::make_shared<const TraceActor>(TraceActor{std::move(path), std::move(type), 2});
  }
  json written(const Trace& trace) {
    trace.write(files, "/trace.json");
    return json::parse(text_of(files, "/trace.json"));
  }

  VirtualClock clock;
  FileDouble files;
};

/// The events of one phase, in the file's order.
std::vector<json> of_phase(const json& file, const std::string& phase) {
  std::vector<json> result;
  for (const json& event : file["traceEvents"]) {
    if (event["ph"] == phase) result.push_back(event);
  }
  return result;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "Trace: a span says what was handled, by whom, when and for how long") {
  Trace trace{{"n1", 42}, clock};
  clock.advance(1'234'567ns);
  {
    const auto who = actor("/train/loader");
    const HandlerSpan span{&trace, who, "GradientPartial", 7};
    clock.advance(2'001ns);
  }
  const json file = written(trace);
  const auto spans = of_phase(file, "X");
  REQUIRE(spans.size() == 1);
  CHECK(spans[0] ==
        json::parse(R"({"ph":"X","pid":42,"tid":1,"name":"GradientPartial","cat":"loader",
      "ts":1234.567,"dur":2.001,
      "args":{"actor":"/train/loader","incarnation":2,"trace_id":"0x7"}})"));
  CHECK(file["otherData"]["dropped_events"] == 0);
  const auto names = of_phase(file, "M");
  REQUIRE(names.size() == 2);
  CHECK(names[0]["name"] == "process_name");
  CHECK(names[0]["args"]["name"] == "n1");
  CHECK(names[1]["args"]["name"] == "thread 1");
  CHECK(names[1]["tid"] == 1);
}

TEST_CASE_FIXTURE(Fixture, "Trace: one that holds nothing is a valid file") {
  const Trace trace{{}, clock};
  CHECK(of_phase(written(trace), "X").empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "Trace: spans nest, and a thread's events are in order of their beginning") {
  Trace trace{{}, clock};
  const auto who = actor("/a");
  for (int i = 0; i < 3; ++i) {
    const HandlerSpan outer{&trace, who, "Outer", 0};
    const HandlerSpan same_begin{&trace, who, "Middle", 0};
    clock.advance(10ns);
    {
      const HandlerSpan inner{&trace, who, "Inner", 0};
      clock.advance(5ns);
    }
    clock.advance(1ns);
  }
  const auto spans = of_phase(written(trace), "X");
  REQUIRE(spans.size() == 9);
  std::vector<double> ends;  // of the spans that are open
  double last = 0;
  for (const json& span : spans) {
    const double begin = std::round(1000 * span["ts"].get<double>());
    const double end = begin + std::round(1000 * span["dur"].get<double>());
    CHECK(begin >= last);
    last = begin;
    if (span["name"] == "Outer") ends.clear();
    if (!ends.empty()) CHECK(end <= ends.back());
    ends.push_back(end);
  }
  CHECK(spans[0]["name"] == "Outer");
}

TEST_CASE_FIXTURE(
    Fixture, "Trace: an arrow joins the span that sent a message and the one that handled it") {
  Trace trace{{"n", 3}, clock};
  std::uint64_t id = 0;
  const auto sender = actor("/a"), receiver = actor("/b");
  {
    const HandlerSpan span{&trace, sender, "Start", 0};
    clock.advance(1us);
    id = trace.next_id();
    trace.sent("Batch", id);
    clock.advance(1us);
  }
  std::thread{[&] {
    const HandlerSpan span{&trace, receiver, "Batch", id};
    clock.advance(1us);
  }}.join();
  const json file = written(trace);
  const auto starts = of_phase(file, "s"), ends = of_phase(file, "f");
  REQUIRE(starts.size() == 1);
  REQUIRE(ends.size() == 1);  // the first span's message had no id
  CHECK(starts[0]["ts"] == 1.0);
  CHECK(ends[0]["ts"] == 2.0);
  CHECK(ends[0]["bp"] == "e");
  for (const char* key : {"name", "cat", "id"}) CHECK(starts[0][key] == ends[0][key]);
  CHECK(starts[0]["id"] == "0x30000000001");
  std::map<std::string, json> spans;
  for (const json& span : of_phase(file, "X")) spans[span["name"]] = span;
  CHECK(starts[0]["tid"] == spans["Start"]["tid"]);
  CHECK(ends[0]["tid"] == spans["Batch"]["tid"]);
  CHECK(spans["Start"]["tid"] != spans["Batch"]["tid"]);
  CHECK(spans["Batch"]["args"]["trace_id"] == starts[0]["id"]);
}

TEST_CASE_FIXTURE(Fixture, "Trace: texts are escaped, whatever is in them") {
  const std::string nasty = "a\"b\\c\n\x01\xff";
  TraceOptions options;
  options.process_name = nasty;
  Trace trace{options, clock};
  trace.name_thread(nasty);
  {
    const auto who = actor(nasty, nasty);
    const HandlerSpan span{&trace, who, nasty, 1};
  }
  const json file = written(trace);
  const json span = of_phase(file, "X").at(0);
  const std::string valid = "a\"b\\c\n\x01\ufffd";
  CHECK(span["name"] == valid);
  CHECK(span["cat"] == valid);
  CHECK(span["args"]["actor"] == valid);
  for (const json& name : of_phase(file, "M")) CHECK(name["args"]["name"] == valid);
}

TEST_CASE_FIXTURE(Fixture, "Trace: a full buffer drops the oldest, and the file has their count") {
  TraceOptions options;
  options.events_per_thread = 4;
  Trace trace{options, clock};
  const auto who = actor("/a");
  const std::array<std::string_view, 6> names = {"0", "1", "2", "3", "4", "5"};
  for (const std::string_view name : names) {
    const HandlerSpan span{&trace, who, name, 0};
    clock.advance(1us);
  }
  const json file = written(trace);
  const auto spans = of_phase(file, "X");
  REQUIRE(spans.size() == 4);
  CHECK(spans[0]["name"] == "2");
  CHECK(spans[3]["name"] == "5");
  CHECK(file["otherData"]["dropped_events"] == 2);
  CHECK(trace.dropped() == 2);
  CHECK(who.use_count() == 5);  // the dropped ones let go of their actor
}

TEST_CASE_FIXTURE(Fixture, "Trace: a buffer without room drops everything") {
  TraceOptions options;
  options.events_per_thread = 0;
  Trace trace{options, clock};
  trace.sent("X", trace.next_id());
  CHECK(trace.dropped() == 1);
  CHECK(written(trace)["otherData"]["dropped_events"] == 1);
}

TEST_CASE_FIXTURE(Fixture, "HandlerSpan: without a trace it does nothing") {
  const HandlerSpan span{nullptr, nullptr, "X", 1};
}

TEST_CASE_FIXTURE(Fixture, "Trace: a file that cannot be written leaves the earlier one") {
  Trace trace{{}, clock};
  trace.write(files, "/trace.json");
  const std::string before = text_of(files, "/trace.json");
  trace.sent("X", trace.next_id());
  files.fail_after(1);
  CHECK_THROWS_AS(trace.write(files, "/trace.json"), Error);
  CHECK(text_of(files, "/trace.json") == before);
  CHECK(files.list("/") == std::vector<std::string>{"trace.json"});
}

TEST_CASE_FIXTURE(Fixture, "Trace: a large one is written in pieces, and is whole") {
  Trace trace{{}, clock};
  const auto who = actor("/" + std::string(200, 'p'));
  for (int i = 0; i < 10'000; ++i) const HandlerSpan span{&trace, who, "X", trace.next_id()};
  const json file = written(trace);
  CHECK(of_phase(file, "X").size() == 10'000);
  CHECK(text_of(files, "/trace.json").size() > (2 << 20));
}

TEST_CASE_FIXTURE(
    Fixture, "Trace: threads record while another writes; each has its row, and ids are unique") {
  TraceOptions options;
  options.events_per_thread = 64;
  Trace trace{options, clock};
  constexpr int threads = 4, each = 500;
  std::promise<void> all_run;
  std::atomic<int> running = 0;
  const auto started = all_run.get_future().share();
  std::vector<std::vector<std::uint64_t>> ids(threads);
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      trace.name_thread("worker " + std::to_string(t));
      const auto who = actor("/" + std::to_string(t));
      // All live at once, so that no two have the same thread id.
      if (++running == threads) all_run.set_value();
      started.wait();
      for (int i = 0; i < each; ++i) {
        const HandlerSpan span{&trace, who, "X", 0};
        ids[static_cast<std::size_t>(t)].push_back(trace.next_id());
        trace.sent("Y", ids[static_cast<std::size_t>(t)].back());
        clock.advance(1ns);
      }
    });
  }
  for (int i = 0; i < 5; ++i) written(trace);
  for (std::thread& worker : workers) worker.join();
  const json file = written(trace);
  CHECK(file["otherData"]["dropped_events"] == threads * (2 * each - 64));
  std::set<std::uint64_t> unique;
  for (const auto& list : ids) unique.insert(list.begin(), list.end());
  CHECK(unique.size() == threads * each);
  std::map<int, std::string> rows;
  for (const json& name : of_phase(file, "M")) {
    if (name["name"] == "thread_name") rows[name["tid"]] = name["args"]["name"];
  }
  CHECK(rows.size() == threads);
  for (const json& span : of_phase(file, "X")) {
    CHECK(rows[span["tid"]] == "worker " + span["args"]["actor"].get<std::string>().substr(1));
  }
}

TEST_CASE_FIXTURE(Fixture,
                  "Trace: events of more threads than there are rows for are dropped and counted") {
  Trace trace{{}, clock};
  std::promise<void> leave;
  const auto may_leave = leave.get_future().share();
  std::vector<std::thread> threads;
  std::vector<std::future<void>> sent;
  for (std::size_t i = 0; i < Trace::max_threads + 2; ++i) {
    auto done = std::make_shared<std::promise<void>>();
    sent.push_back(done->get_future());
    threads.emplace_back([&trace, may_leave, done] {
      trace.sent("X", 1);
      done->set_value();
      may_leave.wait();
    });
  }
  for (auto& each : sent) each.wait();
  leave.set_value();
  for (std::thread& thread : threads) thread.join();
  CHECK(trace.dropped() == 2);
}
