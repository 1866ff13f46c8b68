#include "actors/report/tensorboard.hpp"

#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "actors/report/crc32c.hpp"
#include "tests/support/error_code.hpp"
#include "tests/support/file_double.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::actors;
using troupe::test::FileDouble;
using Scalar = TensorboardWriter::Scalar;
using namespace std::string_view_literals;

namespace {
/// A TFRecord taken apart: its CRCs must fit.
std::string next_record(std::string& file) {
  const auto crc_at = [&](std::size_t at) {
    std::uint32_t crc = 0;
    std::memcpy(&crc, file.data() + at, sizeof crc);
    return crc;
  };
  std::uint64_t size = 0;
  REQUIRE(file.size() >= 16);
  std::memcpy(&size, file.data(), sizeof size);
  REQUIRE(file.size() >= 16 + size);
  CHECK(crc_at(8) == masked(crc32c(test::as_bytes(file.substr(0, 8)))));
  std::string event = file.substr(12, size);
  CHECK(crc_at(12 + size) == masked(crc32c(test::as_bytes(event))));
  file.erase(0, 16 + size);
  return event;
}
}  // namespace

TEST_CASE("TensorBoard: records are framed, and events are encoded field by field") {
  FileDouble disk;
  disk.create_folder("/run");
  TensorboardWriter writer{disk, "/run", 1700000000.5};
  CHECK(writer.path() == "/run/events.out.tfevents.1700000000.troupe.0");
  const std::array scalars{Scalar{"a/b", 0.5}};
  writer.add(300, 1.0, scalars);
  writer.resumed(1, 2.0);
  writer.add(1, 2.0, {});  // nothing
  std::string file = test::text_of(disk, writer.path());
  CHECK(next_record(file) ==
        "\x09\x00\x00\x20\x40\xfc\x54\xd9\x41\x1a\x0d"
        "brain.Event:2"sv);
  // wall_time 1.0; step 300; summary { value { tag: "a/b" simple_value: 0.5 } }
  CHECK(next_record(file) ==
        "\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\xac\x02"
        "\x2a\x0c\x0a\x0a\x0a\x03"
        "a/b"
        "\x15\x00\x00\x00\x3f"sv);
  // wall_time 2.0; step 1; session_log { status: START }
  CHECK(next_record(file) == "\x09\x00\x00\x00\x00\x00\x00\x00\x40\x10\x01\x3a\x02\x08\x01"sv);
  CHECK(file.empty());
}

TEST_CASE("TensorBoard: a session has a file of its own, and their names are in order of time") {
  FileDouble disk;
  disk.create_folder("/run");
  const std::string first = TensorboardWriter(disk, "/run", 999999999).path();
  const std::string second = TensorboardWriter(disk, "/run", 1000000000).path();
  const std::string third = TensorboardWriter(disk, "/run", 1000000000.9).path();
  CHECK(first < second);
  CHECK(second < third);
  CHECK(TensorboardWriter(disk, "/run", std::nan("")).path() < first);
}

TEST_CASE("TensorBoard: a full disk leaves no half of a record between whole ones") {
  FileDouble disk;
  disk.create_folder("/run");
  TensorboardWriter writer{disk, "/run", 0};
  const std::array scalars{Scalar{"loss", 1}};
  disk.fail_after(0);
  CHECK(test::code_of([&] { writer.add(1, 0, scalars); }) == ErrorCode::exhausted);
  writer.add(2, 0, scalars);
  std::string file = test::text_of(disk, writer.path());
  next_record(file);
  CHECK(next_record(file).substr(9, 2) == "\x10\x02");
  CHECK(file.empty());
}

TEST_CASE("TensorBoard: the public package reads what we write, a resume included") {
  const char* const chosen = std::getenv("TROUPE_PYTHON");
  const std::string python = chosen != nullptr ? chosen : "python3";
  if (std::system((python + " -c 'import tensorboard' 2>/dev/null").c_str()) != 0) {
    return test::skip(python + " cannot import tensorboard (set TROUPE_PYTHON)");
  }
  const test::TemporaryFolder made;
  const std::string& folder = made.path();
  FileSystem& files = posix_files();
  files.create_folder(folder + "/run");
  {
    TensorboardWriter writer{files, folder + "/run", 1700000000.25};
    for (std::uint64_t step = 1; step <= 300; ++step) {
      const std::array scalars{Scalar{"train/loss", 1.0 / static_cast<double>(step)},
                               Scalar{"train/learning_rate", 0.5}};
      writer.add(step, 1700000000.25 + static_cast<double>(step), scalars);
    }
    writer.sync();
  }
  {
    // It was cut off after step 200, and goes on.
    TensorboardWriter writer{files, folder + "/run", 1700001000};
    writer.resumed(201, 1700001000);
    const std::array scalars{Scalar{"train/loss", -1},
                             Scalar{"odd", std::numeric_limits<double>::infinity()}};
    writer.add(201, 1700001001, scalars);
  }
  write_atomically(files, folder + "/check.py", test::as_bytes(R"py(
import struct, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
run = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
run.Reload()
assert sorted(run.Tags()["scalars"]) == ["odd", "train/learning_rate", "train/loss"], run.Tags()
losses = run.Scalars("train/loss")
assert [s.step for s in losses] == list(range(1, 202)), [s.step for s in losses]
f32 = lambda x: struct.unpack("<f", struct.pack("<f", x))[0]
assert all(s.value == f32(1.0 / s.step) and s.wall_time == 1700000000.25 + s.step for s in losses[:200])
assert losses[200].value == -1 and losses[200].wall_time == 1700001001
assert all(s.value == 0.5 for s in run.Scalars("train/learning_rate"))
assert run.Scalars("odd")[0].value == float("inf")
assert run.file_version == 2.0 if hasattr(run, "file_version") else True
)py"));
  CHECK(std::system((python + ' ' + folder + "/check.py " + folder + "/run 2>&1").c_str()) == 0);
}
