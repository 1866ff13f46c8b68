#include "actors/loader/preparation.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "actors/loader/prepared_data.hpp"
#include "runtime/base/error.hpp"
#include "tests/actors/loader/support.hpp"
#include "tests/support/data.hpp"
#include "tests/support/doctest_std.hpp"
#include "tests/support/error_code.hpp"
#include "tests/support/file_double.hpp"
#include "tests/support/skip.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::test;

namespace {

PreparedData prepared(FileSystem& files, const CsvCase& from, const std::string& preprocess,
                      std::uint64_t seed = 1) {
  return PreparedData::open(files,
                            prepare(files, from.data, from.preprocess(preprocess), seed, "/data"));
}

std::uint64_t rejected(const PreparedData& data, Reason reason) {
  return data.manifest().rejected[static_cast<std::size_t>(reason) - 1];
}

float feature(const PreparedData& data, Split split, std::uint64_t i, std::size_t k) {
  float value = 0;
  std::memcpy(&value, data.features(split, i).data() + k * sizeof value, sizeof value);
  return value;
}

/// Gives a preparation all its parts. @return what finish() wants.
std::vector<MeasuredPart> fill(Preparation& preparation, FileSystem& files, const RawData& raw) {
  for (const RawPart part : raw_parts(raw)) preparation.add(clean_part(raw, part, {}));
  preparation.close_records();
  const FileBytes training = files.map(preparation.training_file());
  std::vector<MeasuredPart> measured;
  for (std::uint32_t i = 0; i < parts_of(preparation.training_records()); ++i)
    measured.push_back(measure_part(raw.layout(), raw.preprocess(), training.span(), i));
  return measured;
}

std::uint64_t total(const PreparedData& data) {
  return data.size(Split::train) + data.size(Split::validation) + data.size(Split::test);
}

}  // namespace

TEST_CASE("of equal records the first stays, whatever part and file they are in") {
  FileDouble files;
  const CsvCase from{"9,9,9,0\n9,9,9,1\n9,9,9,0\n" + many_records(5000) + "9,9,9,1\n9,9,9,2\n",
                     R"("classes": 3)", "9,9,9,0\n7,7,7,0\n7,7,7,0\n"};
  const PreparedData data =
      prepared(files, from, R"({"deduplicate": true, "split": {"validation": 0}})");
  CHECK(rejected(data, Reason::duplicate) == 4);
  CHECK(data.size(Split::train) == 5003);
  CHECK(data.size(Split::test) == 1);
  CHECK(feature(data, Split::test, 0, 0) == 7);
  CHECK(feature(data, Split::train, 0, 0) == 9);
  CHECK(data.label_bits(Split::train, 1) == 1);
  CHECK(feature(data, Split::train, 2, 0) == 0);
  const PreparedData with = prepared(files, from, R"({"split": {"validation": 0}})");
  CHECK(total(with) == 5008);
}

TEST_CASE("the shares of a split are drawn for each record, from the seed alone") {
  FileDouble files;
  const CsvCase from{many_records(10'000)};
  const std::string spec = R"({"split": {"validation": 0.2, "test": 0.1}})";
  const PreparedData data = prepared(files, from, spec);
  CHECK(total(data) == 10'000);
  // Binomial: 3 deviations of 40 and 30 records.
  CHECK(data.size(Split::validation) > 1880);
  CHECK(data.size(Split::validation) < 2120);
  CHECK(data.size(Split::test) > 910);
  CHECK(data.size(Split::test) < 1090);
  CHECK(prepared(files, from, spec, 2).fingerprint() != data.fingerprint());
  FileDouble elsewhere;
  CHECK(prepared(elsewhere, from, spec).fingerprint() == data.fingerprint());
}

TEST_CASE(
    "extra records are all trained on, behind the others, and change nothing of what is held "
    "back") {
  FileDouble files;
  const std::string spec =
      R"({"deduplicate": true, "max_rejected": 0.1, "missing": "mean", "split": {"validation": 0.2, "test": 0.1}})";
  const CsvCase without{many_records(500)};
  const PreparedData before = prepared(files, without, spec);
  const CsvCase with{many_records(500), R"("classes": 3, "extra": ["more.csv", "last.csv"])"};
  with.write("more.csv", "7,7,7,1\n" + many_records(3) + "?,8,8,2\n8,8,8,3\n");
  with.write("last.csv", many_records(5000) + "7,7,7,1\n");
  const PreparedData after = prepared(files, with, spec);
  for (const Split split : {Split::validation, Split::test}) {
    REQUIRE(after.size(split) == before.size(split));
    for (std::uint64_t i = 0; i < before.size(split); ++i)
      CHECK(std::ranges::equal(after.record(split, i), before.record(split, i)));
  }
  // 500 and 3 are there already, one of more.csv and one of last.csv have no class or are there twice.
  CHECK(after.size(Split::train) == before.size(Split::train) + 2 + 4500);
  CHECK(feature(after, Split::train, before.size(Split::train), 0) == 7);
  CHECK(feature(after, Split::train, before.size(Split::train) + 1, 0) == doctest::Approx(249.5));
  CHECK(after.manifest().raw_extra == 6 + 5001);
  CHECK(rejected(after, Reason::duplicate) == 3 + 500 + 1);
  CHECK(rejected(after, Reason::bad_label) == 1);
}

TEST_CASE("extra records are a csv of whole numbers where samples are bytes") {
  const auto path = find_data("mnist/t10k-images-idx3-ubyte.gz");
  if (!path) return skip("no data sets in TROUPE_DATA");
  FileDouble files;
  const TemporaryFolder folder;
  std::string row;
  for (int i = 0; i < 784; ++i) row += std::to_string(i % 256) + ',';
  std::ofstream{folder.path() + "/more.csv"} << row << "7\n"
                                             << "0.5" << row.substr(1) << "7\n"
                                             << "256" << row.substr(1) << "7\n";
  const DataSpec data = parse_data_spec(
      R"({"format": "idx", "train": {"features": "t10k-images-idx3-ubyte.gz", "labels": "t10k-labels-idx1-ubyte.gz"},
          "extra": [")" +
          folder.path() + R"(/more.csv"], "classes": 10})",
      path->substr(0, path->rfind('/')));
  const PreprocessSpec spec =
      parse_preprocess_spec(R"({"split": {"validation": 0, "test": 0}})", data);
  const PreparedData mnist = PreparedData::open(files, prepare(files, data, spec, 1, "/data"));
  CHECK(mnist.size(Split::train) == 10'001);
  CHECK(rejected(mnist, Reason::not_a_number) == 2);
  CHECK(mnist.dtype() == gpu::DType::u8);
  CHECK(mnist.features(Split::train, 10'000)[255] == std::byte{255});
  CHECK(mnist.label_bits(Split::train, 10'000) == 7);
  std::ofstream{folder.path() + "/more.csv"} << "1,2,3\n";
  CHECK(code_of([&] { prepare(files, data, spec, 1, "/data"); }) == ErrorCode::bad_input);
}

TEST_CASE("what was prepared is used again, and is made anew for another input") {
  FileDouble files;
  CsvCase from{many_records(100)};
  const PreprocessSpec spec = from.preprocess("{}");
  const std::string folder = prepare(files, from.data, spec, 1, "/a/b");
  const std::uint64_t operations = files.operations();
  CHECK(prepare(files, from.data, spec, 1, "/a/b") == folder);
  CHECK(files.operations() == operations);
  from.write("train.csv", many_records(101));
  CHECK(prepare(files, from.data, spec, 1, "/a/b") != folder);
  CHECK(files.list("/a/b").size() == 2);
}

TEST_CASE("too many records that are no good fail the preparation, which leaves nothing behind") {
  FileDouble files;
  const CsvCase from{many_records(98) + "x,1,1,0\n1,1,1,4\n"};
  const PreparedData data = prepared(files, from, R"({"max_rejected": 0.02})");
  CHECK(rejected(data, Reason::not_a_number) == 1);
  CHECK(rejected(data, Reason::bad_label) == 1);
  CHECK(text_of(files, data.folder() + "/quarantine.csv") ==
        "file,record,line,reason,detail\n\"" + from.data.train.features +
            "\",98,99,not_a_number,\"column 0: expected a number, got \"\"x\"\"\"\n\"" +
            from.data.train.features +
            "\",99,100,bad_label,\"expected a whole number from 0 to 2, got 4.000000\"\n");
  CHECK(code_of([&] { prepared(files, from, R"({"max_rejected": 0.019})"); }) ==
        ErrorCode::bad_input);
  CHECK(files.list("/data").size() == 1);
}

TEST_CASE("a preparation without a record to train on fails") {
  FileDouble files;
  const CsvCase from{"x,1,0\n"};
  CHECK(code_of([&] { prepared(files, from, R"({"max_rejected": 1})"); }) == ErrorCode::bad_input);
  CHECK(files.list("/data").empty());
}

TEST_CASE("transforms that do not fit fail before anything is written") {
  FileDouble files;
  const CsvCase from{many_records(10)};
  CHECK(code_of([&] {
          prepared(files, from, R"({"transforms": [{"rotate": {"degrees": 5}}]})");
        }) == ErrorCode::bad_input);
  CHECK(files.operations() == 0);
}

TEST_CASE("what is normalised is measured in the training split, behind the transforms before it") {
  FileDouble files;
  const CsvCase from{"1,3,7,0\n3,3,-1,1\n", R"("classes": 3)"};
  const PreparedData data = prepared(
      files, from,
      R"({"split": {"validation": 0, "test": 0}, "transforms": [{"scale": {"factor": 2}}, "normalize"]})");
  CHECK(data.measured().mean == std::vector<double>{4, 6, 6});
  CHECK(data.measured().deviation == std::vector<double>{2, 1, 8});
  CHECK(std::ranges::equal(data.class_counts(), std::vector<std::uint64_t>{1, 1, 0}));
}

TEST_CASE("parts that are mapped in any order give the same bytes") {
  const CsvCase from{many_records(20'000) + many_records(5'000), R"("classes": 3)",
                     many_records(30)};
  const PreprocessSpec spec =
      from.preprocess(R"({"deduplicate": true, "transforms": ["normalize"]})");
  FileDouble files;
  const std::string folder = prepare(files, from.data, spec, 3, "/data");
  const PreparedData expected = PreparedData::open(files, folder);
  for (unsigned int turn = 0; turn < 3; ++turn) {
    FileDouble elsewhere;
    const RawData raw{from.data, spec};
    Preparation preparation{elsewhere, raw, 3, "/p"};
    const std::vector<RawPart> parts = raw_parts(raw);
    REQUIRE(parts.size() == 8);
    std::vector<std::size_t> order(parts.size());
    std::iota(order.begin(), order.end(), 0);
    for (unsigned int k = 0; k <= turn; ++k)
      std::rotate(order.begin(), order.begin() + 3, order.end()),
          std::reverse(order.begin(), order.end());
    std::vector<CleanedPart> cleaned(parts.size());
    for (const std::size_t i : order) cleaned[i] = clean_part(raw, parts[i], {});
    for (const CleanedPart& part : cleaned) preparation.add(part);
    preparation.close_records();
    const FileBytes training = elsewhere.map(preparation.training_file());
    std::vector<MeasuredPart> measured(parts_of(preparation.training_records()));
    for (std::size_t i = measured.size(); i-- > 0;) {
      measured[i] =
          measure_part(raw.layout(), spec, training.span(), static_cast<std::uint32_t>(i));
    }
    preparation.finish(measured);
    for (const char* const name :
         {"/manifest.json", "/train.records", "/test.records", "/quarantine.csv"}) {
      CHECK((text_of(elsewhere, std::string{"/p"} + name) == text_of(files, folder + name)));
    }
  }
}

TEST_CASE("of several that prepare the same at once, the later ones take what is there") {
  FileDouble files;
  const CsvCase from{many_records(40)};
  const RawData raw{from.data, from.preprocess("{}")};
  {
    Preparation first{files, raw, 1, "/p"}, second{files, raw, 1, "/p"};
    const std::vector<MeasuredPart> measured = fill(first, files, raw);
    fill(second, files, raw);
    first.finish(measured);
    Preparation third{files, raw, 1, "/p"};  // it looked before the first was done
    fill(third, files, raw);
    second.finish(measured);
    third.finish(measured);
  }
  CHECK(files.list("/") == std::vector<std::string>{"p"});
  CHECK(total(PreparedData::open(files, "/p")) == 40);
  {
    Preparation late{files, raw, 1, "/p"};
    const std::vector<MeasuredPart> measured = fill(late, files, raw);
    std::string records = text_of(files, "/p/train.records");
    records.front() = static_cast<char>(records.front() ^ 1);
    write_atomically(files, "/p/train.records", as_bytes(records));
    CHECK(code_of([&] { late.finish(measured); }) == ErrorCode::corrupted);
  }
  CHECK(files.list("/") == std::vector<std::string>{"p"});
}

TEST_CASE("parts out of order, and too few, are refused") {
  FileDouble files;
  const CsvCase from{many_records(5000)};
  const RawData raw{from.data, from.preprocess("{}")};
  Preparation preparation{files, raw, 1, "/p"};
  CHECK(code_of([&] { preparation.add(clean_part(raw, {false, 1}, {})); }) == ErrorCode::bad_input);
  preparation.add(clean_part(raw, {false, 0}, {}));
  CHECK(code_of([&] { preparation.close_records(); }) == ErrorCode::bad_input);
}

TEST_CASE("at any power cut the prepared folder is missing or whole") {
  const CsvCase from{many_records(40)};
  const PreprocessSpec spec = from.preprocess("{}");
  std::uint64_t operations = 0;
  std::string fingerprint;
  {
    FileDouble files;
    const PreparedData data =
        PreparedData::open(files, prepare(files, from.data, spec, 1, "/data"));
    fingerprint = data.fingerprint();
    operations = files.operations();
  }
  for (std::uint64_t cut = 0; cut < operations; ++cut) {
    FileDouble files;
    files.cut_after(cut);
    CHECK_THROWS_AS(prepare(files, from.data, spec, 1, "/data"), PowerCut);
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      FileDouble after = files.crash(seed);
      const PreparedData data =
          PreparedData::open(after, prepare(after, from.data, spec, 1, "/data"));
      CHECK(data.fingerprint() == fingerprint);
    }
  }
}

TEST_CASE("a full disk fails the preparation, which leaves nothing behind") {
  const CsvCase from{many_records(40)};
  const PreprocessSpec spec = from.preprocess("{}");
  FileDouble whole;
  prepare(whole, from.data, spec, 1, "/data");
  for (std::uint64_t at = 2; at < whole.operations(); ++at) {
    FileDouble files;
    files.fail_after(at);
    CHECK(code_of([&] { prepare(files, from.data, spec, 1, "/data"); }) == ErrorCode::exhausted);
    CHECK(files.list("/data").empty());
  }
}

TEST_CASE("optdigits is prepared from its csv") {
  const auto path = find_data("optdigits/digits.csv.gz");
  if (!path) return skip("no data sets in TROUPE_DATA");
  FileDouble files;
  const DataSpec data =
      parse_data_spec(R"({"format": "csv", "header": false, "train": {"file": ")" + *path +
                          R"("}, "shape": [8, 8], "classes": 10})",
                      "");
  const PreprocessSpec spec = parse_preprocess_spec(
      R"({"deduplicate": true, "transforms": [{"scale": {"factor": 0.0625}}, "normalize"]})", data);
  const PreparedData digits = PreparedData::open(files, prepare(files, data, spec, 1, "/data"));
  CHECK(total(digits) == 1797);
  CHECK(digits.shape() == gpu::Shape{8, 8, 1});
  CHECK(digits.dtype() == gpu::DType::f32);
  CHECK(digits.class_counts().size() == 10);
  REQUIRE(digits.measured().mean.size() == 1);
  CHECK(digits.measured().mean[0] > 0.29);
  CHECK(digits.measured().mean[0] < 0.32);
}

TEST_CASE("mnist is prepared from its idx files") {
  const auto path = find_data("mnist/train-images-idx3-ubyte.gz");
  if (!path) return skip("no data sets in TROUPE_DATA");
  const std::string folder = path->substr(0, path->rfind('/'));
  FileDouble files;
  const DataSpec data = parse_data_spec(
      R"({"format": "idx", "train": {"features": "train-images-idx3-ubyte.gz", "labels": "train-labels-idx1-ubyte.gz"},
          "test": {"features": "t10k-images-idx3-ubyte.gz", "labels": "t10k-labels-idx1-ubyte.gz"}, "classes": 10})",
      folder);
  const PreprocessSpec spec = parse_preprocess_spec(
      R"({"split": {"validation": 0}, "transforms": [{"scale": {"factor": 0.00392156862745098}}, "normalize"]})",
      data);
  const PreparedData mnist = PreparedData::open(files, prepare(files, data, spec, 1, "/data"));
  CHECK(mnist.size(Split::train) == 60'000);
  CHECK(mnist.size(Split::test) == 10'000);
  CHECK(mnist.dtype() == gpu::DType::u8);
  CHECK(mnist.layout().bytes() == 788);
  CHECK(std::abs(mnist.measured().mean[0] - 0.1307) < 0.0001);
  CHECK(std::abs(mnist.measured().deviation[0] - 0.3081) < 0.0001);
  CHECK(mnist.class_counts()[0] == 5923);
}
