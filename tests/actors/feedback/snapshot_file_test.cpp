#include "actors/feedback/snapshot_file.hpp"

#include "runtime/base/error.hpp"
#include "serialization/formats/csv.hpp"
#include "serialization/sha256.hpp"
#include "tests/actors/feedback/store_fixture.hpp"
#include "tests/support/error_code.hpp"
#include "tests/support/file_double.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::test;

TEST_CASE("write_snapshot: features and label a line, the same bytes for the same n") {
  const TemporaryFolder folder;
  FeedbackStore store{folder.path() + "/f.db"};
  add(store, 1, 5);
  store.add_feedback(std::array{label("p2", 3), rating("p3", 1), label("p1", 0)});
  FileDouble files;
  const SnapshotFile written = write_snapshot(store, 3, files, "/a.csv");
  CHECK(written.records == 2);
  const std::string text = text_of(files, "/a.csv");
  CHECK(text == "14,15,16,17,3\n7,8,9,10,0\n");
  CHECK(written.sha256 ==
        serialization::to_hex(serialization::sha256(std::as_bytes(std::span{text}))));
  store.add_feedback(label("p5", 1));
  add(store, 6, 100);
  CHECK(write_snapshot(store, 3, files, "/b.csv").sha256 == written.sha256);
  CHECK(write_snapshot(store, 4, files, "/b.csv").records == 3);
  CHECK(write_snapshot(store, 1, files, "/b.csv").records == 1);
  CHECK(text_of(files, "/b.csv") == "14,15,16,17,3\n");
  CHECK(write_snapshot(store, 0, files, "/none.csv").records == 0);
}

TEST_CASE("write_snapshot: f32 reads back as the same bits, and a CSV reader takes it") {
  const TemporaryFolder folder;
  FeedbackStore store{folder.path() + "/f.db"};
  const std::array<float, 4> row{0.1F, -1.0F / 3, 1e-30F, 16777216};
  const std::array<float, 2> outputs{0, 1};
  Prediction one;
  one.id = "a";
  one.input = std::as_bytes(std::span{row});
  one.outputs = outputs;
  store.add_predictions(std::array{one});
  store.add_feedback(label("a", 1));
  write_snapshot(store, 1, posix_files(), folder.path() + "/a.csv");
  serialization::CsvOptions options;
  options.header = false;
  const serialization::CsvDataset csv{folder.path() + "/a.csv", options};
  REQUIRE(csv.size() == 1);
  std::string text = text_of(posix_files(), folder.path() + "/a.csv");
  for (const float value : row) {
    CHECK(std::stof(text) == value);
    text = text.substr(text.find(',') + 1);
  }
  CHECK(text == "1\n");
}

TEST_CASE("write_snapshot: a full disk, or an n that is not there yet, leaves the file as it was") {
  const TemporaryFolder folder;
  FeedbackStore store{folder.path() + "/f.db"};
  add(store, 1, 5);
  store.add_feedback(label("p2", 3));
  FileDouble files;
  write_snapshot(store, 1, files, "/a.csv");
  const std::string before = text_of(files, "/a.csv");
  CHECK(code_of([&] { write_snapshot(store, 2, files, "/a.csv"); }) == ErrorCode::bad_input);
  files.fail_after(1);
  CHECK(code_of([&] { write_snapshot(store, 0, files, "/a.csv"); }) == ErrorCode::exhausted);
  CHECK(text_of(files, "/a.csv") == before);
  CHECK(files.list("/").size() == 1);
}
