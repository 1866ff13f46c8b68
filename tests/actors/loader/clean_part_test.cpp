#include "actors/loader/clean_part.hpp"

#include <cstring>

#include "runtime/base/error.hpp"
#include "tests/actors/loader/support.hpp"
#include "tests/support/doctest_std.hpp"
#include "tests/support/error_code.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::test;

namespace {

std::vector<std::vector<float>> rows_of(const RawData& raw, const CleanedPart& part) {
  std::vector<std::vector<float>> rows;
  const std::size_t bytes = raw.layout().bytes();
  for (std::size_t at = 0; at < part.records.size(); at += bytes) {
    std::vector<float>& row = rows.emplace_back(raw.layout().elements());
    std::memcpy(row.data(), part.records.data() + at, raw.layout().feature_bytes());
  }
  return rows;
}

struct Left {
  std::uint64_t line;
  Reason reason;
  bool operator==(const Left&) const = default;
};
std::vector<Left> left_of(const CleanedPart& part) {
  std::vector<Left> left;
  for (const Rejection& rejection : part.rejections)
    left.push_back({rejection.line, rejection.reason});
  return left;
}

/// Samples of u8 and their labels, as idx files.
struct IdxCase {
  IdxCase(const std::string& samples, const std::string& labels, char width) {
    const auto count = [](std::size_t n) {
      return std::string{"\0\0\0", 3} + static_cast<char>(n);
    };
    write("x", std::string{"\0\0\x08\x02", 4} +
                   count(samples.size() / static_cast<std::size_t>(width)) +
                   count(static_cast<std::size_t>(width)) + samples);
    write("y", std::string{"\0\0\x08\x01", 4} + count(labels.size()) + labels);
    data = parse_data_spec(
        R"({"format": "idx", "train": {"features": "x", "labels": "y"}, "classes": 3})",
        folder.path());
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream{folder.path() + '/' + name, std::ios::binary} << text;
  }
  PreprocessSpec preprocess(const std::string& json) const {
    return parse_preprocess_spec(json, data);
  }

  TemporaryFolder folder;
  DataSpec data;
};

using Rows = std::vector<std::vector<float>>;

}  // namespace

TEST_CASE("what is no record is left out, each with its line and its reason") {
  const CsvCase files{
      "1,2,0\n"
      "1,x,0\n"
      "1,2,3\n"
      "1,2,-1\n"
      "1,2,0.5\n"
      "1,2,zero\n"
      "1,2,\n"
      "1,2\n"
      "1,2,0,0\n"
      "1,1e39,0\n"
      "1,inf,0\n"
      ",2,0\n"
      "\n"
      " 3 , +4 , 2 \n"};
  const RawData raw{files.data, files.preprocess("{}")};
  const CleanedPart part = clean_part(raw, {}, {});
  CHECK(part.raw == 14);
  CHECK(rows_of(raw, part) == Rows{{1, 2}, {3, 4}});
  CHECK(part.numbers == std::vector<std::uint64_t>{0, 13});
  CHECK(left_of(part) == std::vector<Left>{{2, Reason::not_a_number},
                                           {3, Reason::bad_label},
                                           {4, Reason::bad_label},
                                           {5, Reason::bad_label},
                                           {6, Reason::bad_label},
                                           {7, Reason::bad_label},
                                           {8, Reason::wrong_width},
                                           {9, Reason::wrong_width},
                                           {10, Reason::not_a_number},
                                           {11, Reason::not_a_number},
                                           {12, Reason::missing},
                                           {13, Reason::wrong_width}});
  CHECK(part.rejections[0].detail == "column 1: expected a number, got \"x\"");
}

TEST_CASE("a quoted field that spans lines counts as one record") {
  const CsvCase files{"\"1\",\"2\",0\n\"\n\",2,0\n5,6,1\n"};
  const RawData raw{files.data, files.preprocess("{}")};
  const CleanedPart part = clean_part(raw, {}, {});
  CHECK(rows_of(raw, part) == Rows{{1, 2}, {5, 6}});
  CHECK(left_of(part) == std::vector<Left>{{2, Reason::not_a_number}});
}

TEST_CASE("missing numbers are dropped, zero, or the mean of their column") {
  const CsvCase files{"1,?,0\nNA,2,1\nnan,6,2\n2,,0\n"};
  SUBCASE("drop") {
    const RawData raw{files.data, files.preprocess(R"({"missing": "drop"})")};
    CHECK(clean_part(raw, {}, {}).numbers.empty());
  }
  SUBCASE("zero") {
    const RawData raw{files.data, files.preprocess(R"({"missing": "zero"})")};
    CHECK(rows_of(raw, clean_part(raw, {}, {})) == Rows{{1, 0}, {0, 2}, {0, 6}, {2, 0}});
  }
  SUBCASE("mean") {
    const RawData raw{files.data, files.preprocess(R"({"missing": "mean"})")};
    const std::vector<ColumnSums> sums{measure_columns(raw, {})};
    const std::vector<float> means = column_means(sums);
    CHECK(means == std::vector<float>{1.5F, 4});
    CHECK(rows_of(raw, clean_part(raw, {}, means)) == Rows{{1, 4}, {1.5F, 2}, {1.5F, 6}, {2, 4}});
    CHECK(code_of([&] { clean_part(raw, {}, {}); }) == ErrorCode::bad_input);
  }
}

TEST_CASE("outliers are clipped or dropped") {
  const CsvCase files{"-5,2,0\n1,2,1\n1,9,2\n"};
  const RawData clips{
      files.data, files.preprocess(R"({"outliers": {"low": -1, "high": 3.5, "action": "clip"}})")};
  CHECK(rows_of(clips, clean_part(clips, {}, {})) == Rows{{-1, 2}, {1, 2}, {1, 3.5F}});
  const RawData drops{files.data,
                      files.preprocess(R"({"outliers": {"high": 3, "action": "drop"}})")};
  CHECK(rows_of(drops, clean_part(drops, {}, {})) == Rows{{-5, 2}, {1, 2}});
}

TEST_CASE("labels of a regression are any finite numbers, from any column") {
  const CsvCase files{"0.25,1\n1e39,2\n-3,3\n", R"("classes": 0, "label": 0)"};
  const RawData raw{files.data, files.preprocess("{}")};
  const CleanedPart part = clean_part(raw, {}, {});
  CHECK(rows_of(raw, part) == Rows{{1}, {3}});
  float label = 0;
  std::memcpy(&label, part.records.data() + raw.layout().label_offset(), sizeof label);
  CHECK(label == 0.25F);
}

TEST_CASE("equal records have equal hashes, others do not") {
  const CsvCase files{"1,2,0\n1,2,1\n1.0,2e0,0\n"};
  const RawData raw{files.data, files.preprocess("{}")};
  const CleanedPart part = clean_part(raw, {}, {});
  REQUIRE(part.hashes.size() == 3);
  CHECK(part.hashes[0] == part.hashes[2]);
  CHECK(part.hashes[0] != part.hashes[1]);
}

TEST_CASE("a file that is broken as a whole is refused") {
  const auto open = [](std::string_view text, const std::string& more = R"("classes": 3)") {
    return code_of([&] {
      const CsvCase files{text, more};
      const RawData raw{files.data, files.preprocess("{}")};
    });
  };
  CHECK(open("1,2,\"0\n") == ErrorCode::bad_input);
  CHECK(open("1,2\"3\",0\n") == ErrorCode::bad_input);
  CHECK(open("") == ErrorCode::bad_input);
  CHECK(open("1\n") == ErrorCode::bad_input);
  CHECK(open("1,2,0\n", R"("classes": 3, "label": 3)") == ErrorCode::bad_input);
  CHECK(open("1,2,0\n", R"("classes": 3, "shape": [3])") == ErrorCode::bad_input);
  CHECK(open("a,b\n1,2\n", R"("classes": 3, "header": true, "label": "c")") ==
        ErrorCode::bad_input);
}

TEST_CASE("parts cut a file at every 4096 records, and there are no others") {
  const CsvCase files{many_records(4097)};
  const RawData raw{files.data, files.preprocess("{}")};
  CHECK(raw_parts(raw) == std::vector<RawPart>{{false, 0}, {false, 1}});
  CHECK(clean_part(raw, {false, 0}, {}).raw == 4096);
  CHECK(clean_part(raw, {false, 1}, {}).numbers == std::vector<std::uint64_t>{4096});
  CHECK(code_of([&] { clean_part(raw, {false, 2}, {}); }) == ErrorCode::bad_input);
  CHECK(code_of([&] { clean_part(raw, {true, 0}, {}); }) == ErrorCode::bad_input);
}

TEST_CASE("samples in bytes stay bytes, padded to whole words, unless they are clipped") {
  const IdxCase files{"\x01\x02\x03\xff\x05\x06", "\x01\x03", 3};
  const RawData raw{files.data, files.preprocess("{}")};
  CHECK(raw.layout().dtype == gpu::DType::u8);
  CHECK(raw.layout().shape == gpu::Shape{3});
  const CleanedPart part = clean_part(raw, {}, {});
  CHECK(std::string{reinterpret_cast<const char*>(part.records.data()), part.records.size()} ==
        std::string{"\x01\x02\x03\0\x01\0\0\0", 8});
  CHECK(part.rejections ==
        std::vector<Rejection>{
            {1, 0, Reason::bad_label, "expected a whole number from 0 to 2, got 3.000000"}});
  const RawData clips{files.data, files.preprocess(R"({"outliers": {"high": 1.5}})")};
  CHECK(clips.layout().dtype == gpu::DType::f32);
  CHECK(rows_of(clips, clean_part(clips, {}, {})) == Rows{{1, 1.5F, 1.5F}});
}

TEST_CASE("samples and labels that do not belong together are refused") {
  const IdxCase files{"\x01\x02\x03", "\x01\x02", 3};
  CHECK(code_of([&] {
          const RawData raw{files.data, files.preprocess("{}")};
        }) == ErrorCode::bad_input);
}
