#include "actors/loader/prepared_data.hpp"

#include <nlohmann/json.hpp>

#include "actors/loader/preparation.hpp"
#include "runtime/base/error.hpp"
#include "serialization/sha256.hpp"
#include "serialization/xxh3.hpp"
#include "tests/actors/loader/support.hpp"
#include "tests/support/doctest_std.hpp"
#include "tests/support/error_code.hpp"
#include "tests/support/file_double.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::test;

namespace {

struct Folder {
  Folder() {
    const CsvCase from{many_records(30) + "x,1,1,0\n"};
    folder =
        prepare(files, from.data,
                from.preprocess(R"({"max_rejected": 1, "transforms": ["normalize"]})"), 1, "/d");
  }
  void replace(const std::string& path, const std::string& text) {
    remove_all(files, path);
    const auto file = files.create(path);
    file->write(as_bytes(text));
    file->sync();
  }
  FileDouble files;
  std::string folder;
};

constexpr const char* names[] = {"/manifest.json", "/train.records", "/validation.records",
                                 "/test.records", "/quarantine.csv"};

}  // namespace

TEST_CASE("prepared data gives its records, and none that are not there") {
  Folder made;
  const PreparedData data = PreparedData::open(made.files, made.folder);
  CHECK(data.layout().bytes() == 16);
  CHECK(data.features(Split::train, 0).size() == 12);
  CHECK(data.label_bits(Split::train, 0) < 3);
  CHECK(code_of([&] { data.record(Split::train, data.size(Split::train)); }) ==
        ErrorCode::bad_input);
  CHECK(data.manifest().raw_train == 31);
}

TEST_CASE("a prepared folder in which any one byte differs is refused as corrupted") {
  Folder made;
  for (const char* const name : names) {
    const std::string path = made.folder + name, whole = text_of(made.files, path);
    for (std::size_t i = 0; i < whole.size(); ++i) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
      made.replace(path, damaged);
      INFO(path << " byte " << i);
      CHECK(code_of([&] { PreparedData::open(made.files, made.folder); }) == ErrorCode::corrupted);
    }
    made.replace(path, whole);
  }
  PreparedData::open(made.files, made.folder);
}

TEST_CASE("a prepared folder with a file that is cut, longer or missing is refused") {
  Folder made;
  for (const char* const name : names) {
    const std::string path = made.folder + name, whole = text_of(made.files, path);
    INFO(path);
    for (const std::string& other :
         {std::string{}, whole.substr(0, whole.size() / 2), whole + '\n'}) {
      if (other == whole) continue;
      made.replace(path, other);
      CHECK(code_of([&] { PreparedData::open(made.files, made.folder); }) == ErrorCode::corrupted);
    }
    made.files.remove(path);
    CHECK(code_of([&] { PreparedData::open(made.files, made.folder); }) == ErrorCode::bad_input);
    made.replace(path, whole);
  }
}

TEST_CASE("a manifest comes back as it was written, and a newer format is unsupported") {
  Folder made;
  const PreparedData data = PreparedData::open(made.files, made.folder);
  CHECK(encode_prepared_manifest(data.manifest()) ==
        text_of(made.files, made.folder + "/manifest.json"));
  nlohmann::json newer = nlohmann::json::parse(encode_prepared_manifest(data.manifest()));
  newer.erase("hash");
  newer["format"] = 2;
  const std::string hashed = newer.dump();
  newer["hash"] = serialization::to_hex(serialization::xxh3_128(as_bytes(hashed)));
  made.replace(made.folder + "/manifest.json", newer.dump(1) + '\n');
  CHECK(code_of([&] { PreparedData::open(made.files, made.folder); }) == ErrorCode::unsupported);
}

TEST_CASE("what a checkpoint keeps of prepared data can be read without it") {
  Folder made;
  const PreparedData data = PreparedData::open(made.files, made.folder);
  std::vector<SpecProblem> problems;
  SpecReader reader = SpecReader::parse(prepared_json(data.manifest()), problems);
  const PreparedSummary summary = read_prepared(reader);
  CHECK(problems.empty());
  CHECK(summary.layout == data.layout());
  CHECK(summary.measured == data.measured());
  SpecReader texts = SpecReader::parse(
      R"({"shape": ["2"], "dtype": "u8", "classes": "1", "measured": {"mean": ["0.5"], "deviation": "2"}, "class_names": ["a"]})",
      problems);
  CHECK(read_prepared(texts).measured == gpu::Normalize{{0.5}, {2}});
  CHECK(problems.empty());
  SpecReader wrong = SpecReader::parse(
      R"({"dtype": "u9", "classes": 2, "measured": {"mean": [1]}, "class_names": ["a"], "more": 1})",
      problems);
  read_prepared(wrong);
  CHECK(problems.size() == 5);
}
