#include "actors/report/metrics_log.hpp"

#include "tests/actors/report/crash_appended.hpp"
#include "tests/support/error_code.hpp"
#include "tests/support/file_double.hpp"

using namespace troupe;
using namespace troupe::actors;
using troupe::test::FileDouble;
using troupe::test::PowerCut;
using troupe::test::text_of;

namespace {
const std::string path = "/run/metrics.jsonl";

FileDouble disk_with_run() {
  FileDouble disk;
  disk.create_folder("/run");
  disk.sync_folder("/");
  return disk;
}

TimedEvent step(std::uint64_t n) {
  return {static_cast<double>(n), StepsDone{n, 100, 0, 1, 0.5, 0.1, 10}};
}

std::string events_file(FileDouble& disk) {
  for (const std::string& name : disk.list("/run")) {
    if (name.find("tfevents") != std::string::npos) return text_of(disk, "/run/" + name);
  }
  return {};
}
}  // namespace

TEST_CASE("MetricsLog: every event is a line, and numbers go to TensorBoard") {
  FileDouble disk = disk_with_run();
  MetricsLog log{disk, "/run", 5};
  const std::vector<TimedEvent> events{step(1),
                                       {2, Evaluated{"test", 1, {{"accuracy", 0.5}}}},
                                       {3, Notice{"info", "a"}},
                                       {4, FeedbackSeen{3, 0.5, 0.1}}};
  std::string expected;
  for (const TimedEvent& event : events) {
    log.add(event);
    expected += to_json(event) + '\n';
  }
  CHECK(text_of(disk, path) == expected);
  const std::string scalars = events_file(disk);
  for (const char* tag : {"train/loss", "train/learning_rate", "train/samples_per_second",
                          "test/accuracy", "feedback/accuracy", "feedback/drift"}) {
    CHECK(scalars.find(tag) != std::string::npos);
  }
}

TEST_CASE("MetricsLog: a torn end is cut off, and lines follow what is whole") {
  for (const std::string& torn :
       {std::string{}, std::string{"{\"at\":1"}, std::string{"\n\n"}, std::string{"{}\n\0\0\0", 6},
        to_json(step(9)), std::string(50, '\0')}) {
    FileDouble disk = disk_with_run();
    const std::string whole = to_json(step(1)) + '\n' + to_json(step(2)) + '\n';
    write_atomically(disk, path, test::as_bytes(whole + torn));
    MetricsLog log{disk, "/run", 5, 2};
    CHECK(text_of(disk, path) == whole);
    log.add(step(3));
    CHECK(text_of(disk, path) == whole + to_json(step(3)) + '\n');
  }
  FileDouble disk = disk_with_run();
  write_atomically(disk, path, test::as_bytes("nothing of ours"));
  MetricsLog log{disk, "/run", 5};
  CHECK(text_of(disk, path).empty());
}

TEST_CASE("MetricsLog: after any power cut, what was synced is there, in whole lines") {
  const auto run = [](FileDouble& disk, std::string& synced) {
    MetricsLog log{disk, "/run", 5};
    for (std::uint64_t n = 1; n <= 6; ++n) {
      log.add(step(n));
      if (n % 2 != 0) continue;
      log.sync();
      synced = text_of(disk, path);
    }
  };
  FileDouble whole = disk_with_run();
  const std::uint64_t before = whole.operations();
  std::string all;
  run(whole, all);
  const std::string expected = text_of(whole, path);
  for (std::uint64_t cut = 0; cut <= whole.operations() - before; ++cut) {
    FileDouble disk = disk_with_run();
    disk.cut_after(cut);
    std::string synced;
    try {
      run(disk, synced);
    } catch (const PowerCut&) {
    }
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      FileDouble found = test::crash_appended(disk, seed, path, synced);
      MetricsLog log{found, "/run", 6};
      const std::string text = text_of(found, path);
      CHECK(expected.starts_with(text));
      CHECK((text.empty() || text.back() == '\n'));
      CHECK(text.starts_with(synced));
    }
  }
}

TEST_CASE("MetricsLog: a full disk leaves no half of a line between whole ones") {
  FileDouble disk = disk_with_run();
  MetricsLog log{disk, "/run", 5};
  log.add(step(1));
  disk.fail_after(0);
  CHECK(test::code_of([&] { log.add(step(2)); }) == ErrorCode::exhausted);
  log.add(step(3));
  CHECK(text_of(disk, path) == to_json(step(1)) + '\n' + to_json(step(3)) + '\n');
}
