#include "runtime/control/process_table.hpp"

#include "tests/runtime/control/fixture.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::test;

namespace {

using namespace std::chrono_literals;

ProcessTable example() {
  return {
      {{"/", "supervisor", "running", "alpha", 4711, 1, 0, 0, "", 3h + 7min + 9s},
       {"/train", "supervisor", "running", "alpha", 4711, 1, 0, 0, "", 3h + 7min},
       {"/train/loader", "loader", "running", "alpha", 4711, 3, 12, 2,
        "records.idx: expected 60000 records, got 59999", 41s},
       {"/train/trainer-0", "trainer", "waiting", "alpha", 4720, 1, 0, 0, "", 2min + 5s},
       {"/serve", "deployer", "failed", "béta", 0, 9, 100000, 8, "killed: SIGSEGV\nat 0x0", 7ms}}};
}

ProcessRow row(const std::string& path) {
  ProcessRow result;
  result.path = path;
  return result;
}

/// The first column of each line below the titles, whose rows must be otherwise empty.
std::vector<std::string> paths(const ProcessTable& table) {
  std::vector<std::string> result;
  std::istringstream text{render(table, 0)};
  std::string line;
  std::getline(text, line);
  while (std::getline(text, line))
    result.push_back(line.substr(0, line.find_first_of(" -", line.find_first_not_of(' '))));
  return result;
}

}  // namespace

TEST_CASE("ProcessTable: it is a tree in aligned columns, the last error at the end") {
  CHECK(render(example(), 0) ==
        "PATH           TYPE        STATE    NODE    PID  INC  MAILBOX  RESTARTS  UPTIME  LAST "
        "ERROR\n"
        "/              supervisor  running  alpha  4711    1        0         0   3h07m\n"
        "  train        supervisor  running  alpha  4711    1        0         0   3h07m\n"
        "    loader     loader      running  alpha  4711    3       12         2     41s"
        "  records.idx: expected 60000 records, got 59999\n"
        "    trainer-0  trainer     waiting  alpha  4720    1        0         0   2m05s\n"
        "  serve        deployer    failed   béta      -    9   100000         8     7ms"
        "  killed: SIGSEGV\\nat 0x0\n");
}

TEST_CASE("ProcessTable: lines are cut to the width, code points never") {
  for (std::size_t width = 1; width < 140; ++width) {
    std::istringstream text{render(example(), width)};
    std::string line;
    int lines = 0;
    for (; std::getline(text, line); ++lines) {
      std::size_t points = 0;
      for (const char c : line) points += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
      CHECK(points <= width);
    }
    CHECK(lines == 6);
  }
  CHECK(contains(render(example(), 100), "records.idx: expec…\n"));
}

TEST_CASE("ProcessTable: siblings keep their order, and children follow their parent") {
  CHECK(paths({{row("/z"), row("/"), row("/a/b"), row("/a"), row("/z/y"), row("/z/x")}}) ==
        std::vector<std::string>{"/", "  z", "    y", "    x", "  a", "    b"});
}

TEST_CASE("ProcessTable: a row without its parent's stands with its whole path") {
  CHECK(paths({{row("/a/b/c"), row("/a/b/c/d"), row("/")}}) ==
        std::vector<std::string>{"/a/b/c", "  d", "/"});
}

TEST_CASE("ProcessTable: of rows with one path, all are shown") {
  CHECK(paths({{row("/"), row("/a"), row("/a"), row("/a/b")}}) ==
        std::vector<std::string>{"/", "  a", "  a", "    b"});
  CHECK(paths({{row(""), row("")}}).size() == 2);
}

TEST_CASE("ProcessTable: an absurdly deep tree is shown, not so deeply indented") {
  ProcessTable table;
  std::string path;
  for (int i = 0; i < 2000; ++i) table.rows.push_back(row(path += "/x"));
  const std::vector<std::string> lines = paths(table);
  REQUIRE(lines.size() == 2000);
  CHECK(lines.back() == std::string(64, ' ').append("x"));
}

TEST_CASE("ProcessTable: uptimes have two units at most") {
  const auto uptime = [](Duration value) {
    ProcessTable table{{row("/")}};
    table.rows[0].uptime = value;
    const std::string text = render(table, 0);
    return text.substr(text.rfind(' ') + 1, text.size() - text.rfind(' ') - 2);
  };
  CHECK(uptime(0s) == "0ms");
  CHECK(uptime(-5s) == "0ms");
  CHECK(uptime(999'999us) == "999ms");
  CHECK(uptime(1s) == "1s");
  CHECK(uptime(60s) == "1m00s");
  CHECK(uptime(1h) == "1h00m");
  CHECK(uptime(12 * 24h + 4h) == "12d04h");
}

TEST_CASE("ProcessTable: JSON brings it back as it was") {
  CHECK(process_table_from_json(to_json(example())) == example());
  CHECK(process_table_from_json(to_json({})) == ProcessTable{});
  CHECK(process_table_from_json(R"({"rows":[],"newer":1})") == ProcessTable{});
  ProcessTable broken{{row("/\xff")}};
  CHECK(process_table_from_json(to_json(broken)).rows[0].path == "/\uFFFD");
}

TEST_CASE("ProcessTable: JSON that is no table is refused, naming row and field") {
  const auto refusal = [](const std::string& json) {
    return error_of([&] { process_table_from_json(json); }, ErrorCode::corrupted);
  };
  for (const std::string json : {"", "[]", "{}", "{\"rows\":{}}", "{\"rows\":[", "7"})
    CHECK(contains(refusal(json), "expected a JSON object with an array \"rows\""));
  CHECK(contains(refusal("{\"rows\":[1]}"), "rows[0]: expected an object, got number"));
  const std::string good = to_json(example());
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string json = good;
    const std::size_t at = json.rfind(from);
    REQUIRE(at != std::string::npos);
    return refusal(json.replace(at, from.size(), to));
  };
  CHECK(contains(with("\"pid\":0", "\"pid\":-1"), "rows[4].pid: expected an integer from 0"));
  CHECK(contains(with("\"pid\":0", "\"pid\":0.5"), "rows[4].pid"));
  CHECK(contains(with("\"pid\":0", "\"pid\":9223372036854775808"), "rows[4].pid"));
  CHECK(contains(with("\"pid\":0", "\"pid\":\"0\""), "rows[4].pid: expected an integer"));
  CHECK(contains(with("\"pid\":0", "\"pidd\":0"), "rows[4].pid: expected a value, got null"));
  CHECK(contains(with("\"failed\"", "null"), "rows[4].state: expected a string, got null"));
}
