#include "serialization/formats/csv.hpp"

#include <set>
#include <string>
#include <thread>

#include "runtime/base/error.hpp"
#include "tests/support/data.hpp"
#include "tests/support/gzip.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/temporary_file.hpp"

using troupe::Error;
using troupe::serialization::ByteSource;
using troupe::serialization::CsvDataset;
using troupe::serialization::CsvOptions;
using troupe::serialization::CsvReader;
using troupe::serialization::CsvRow;
using troupe::test::bytes_of;
using troupe::test::gzip;
using troupe::test::TemporaryFile;

namespace {

using Rows = std::vector<std::vector<std::string>>;
constexpr CsvOptions no_header{.header = false};

std::vector<std::string> fields(const CsvRow& row) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < row.size(); ++i) all.emplace_back(row[i]);
  return all;
}

Rows streamed(CsvReader reader) {
  Rows rows;
  CsvRow row;
  while (reader.next(row)) rows.push_back(fields(row));
  return rows;
}

Rows indexed(const CsvDataset& data) {
  Rows rows(data.size());
  CsvRow row;
  for (std::uint64_t i = data.size(); i-- > 0;) {  // backwards: no row leans on the one before
    data.read(i, row);
    rows[i] = fields(row);
  }
  return rows;
}

Rows parse(const std::string& text, const CsvOptions& options = no_header) {
  Rows rows = streamed(CsvReader{ByteSource{bytes_of(text), "x.csv"}, options});
  CHECK(indexed(CsvDataset{bytes_of(text), "x.csv", options}) == rows);
  return rows;
}

/// What both readers say of `text`.
std::string problem(const std::string& text, const CsvOptions& options = no_header) {
  std::string said;
  try {
    streamed(CsvReader{ByteSource{bytes_of(text), "x.csv"}, options});
  } catch (const Error& error) {
    said = error.what();
  }
  try {
    CsvDataset{bytes_of(text), "x.csv", options};
    CHECK(said.empty());
  } catch (const Error& error) {
    CHECK(error.what() == said);
  }
  return said;
}

}  // namespace

TEST_CASE("Csv readers: read what RFC 4180 allows") {
  CHECK(parse("a,b\nc,d\n") == Rows{{"a", "b"}, {"c", "d"}});
  CHECK(parse("a,b\r\nc,d\r\n") == Rows{{"a", "b"}, {"c", "d"}});
  CHECK(parse("a,b\nc,d") == Rows{{"a", "b"}, {"c", "d"}});
  CHECK(parse("\"a,1\",\"b \"\"q\"\"\"\n\"c\r\n\nd\",\"\"\n") ==
        Rows{{"a,1", "b \"q\""}, {"c\r\n\nd", ""}});
  CHECK(parse(",\n") == Rows{{"", ""}});
  CHECK(parse("a\n\nb\n") == Rows{{"a"}, {""}, {"b"}});
  CHECK(parse("\"\"") == Rows{{""}});
  CHECK(parse("a,") == Rows{{"a", ""}});
  CHECK(parse("") == Rows{});
  CHECK(parse(" a , b ") == Rows{{" a ", " b "}});
  CHECK(parse("z\xc3\xbcrich,\xe6\x97\xa5\n") == Rows{{"z\xc3\xbcrich", "\xe6\x97\xa5"}});
  CHECK(parse("a;b,c\n", {.header = false, .separator = ';'}) == Rows{{"a", "b,c"}});
}

TEST_CASE("Csv readers: skip a byte order mark") {
  CHECK(parse("\xef\xbb\xbf"
              "a,b\n") == Rows{{"a", "b"}});
  CHECK(parse("\xef\xbb\xbf\"a\"\n") == Rows{{"a"}});
  CHECK(parse("\xef\xbb\xbf") == Rows{});
}

TEST_CASE("Csv readers: give the same rows from plain and gzip files, whatever the chunks") {
  std::string text;
  Rows expected;
  for (int i = 0; i < 20'000;
       ++i) {  // several buffers long, so that each state meets a buffer's end
    const std::string number = std::to_string(i);
    text += "\"line\r\n" + number + "\"\"\"," + number + "\r\n";
    expected.push_back({"line\r\n" + number + "\"", number});
  }
  for (const std::string& content : {text, gzip(text)}) {
    const TemporaryFile file{"csv_test.csv", content};
    CHECK(streamed(CsvReader{ByteSource{file.path()}, no_header}) == expected);
    CHECK(indexed(CsvDataset{file.path(), no_header}) == expected);
  }
}

TEST_CASE("Csv readers: find columns by the header's names, rows by their lines") {
  const std::string text = "id,\"the text\",x\n1,\"two\nlines\",0.5\n2,,\n";
  const CsvDataset data{bytes_of(text), "x.csv"};
  REQUIRE(data.size() == 2);
  CHECK(data.columns().column("the text") == 1);
  CHECK_FALSE(data.columns().find_column("text"));
  CHECK_THROWS_WITH_AS(data.columns().column("text"),
                       "x.csv: expected a column of \"id\" \"the text\" \"x\", got \"text\"",
                       Error);

  CsvRow row;
  data.read(1, row);
  CHECK(row.line() == 4);
  CHECK(row.i64(0) == 2);
  CHECK_FALSE(row.f32(2));
  data.read(0, row);
  CHECK(row.line() == 2);
  CHECK(row.f32(2) == 0.5F);
  CHECK(row.f64(2) == 0.5);
  CHECK_THROWS_WITH_AS(row[3], "x.csv:2: expected a column below 3, got 3", Error);
  CHECK_THROWS_WITH_AS(data.read(2, row), "x.csv: expected a row below 2, got 2", Error);

  CsvReader reader{ByteSource{bytes_of(text), "x.csv"}};
  CHECK(reader.columns().names() == std::vector<std::string>{"id", "the text", "x"});
  REQUIRE(reader.next(row));
  REQUIRE(reader.next(row));
  CHECK(row.line() == 4);
}

TEST_CASE("CsvRow: a field that is not wholly a number names file, line, column and text") {
  const std::string text =
      "rating,count\nabc,1.5\n1e999,99999999999999999999\n 1,0x10\nnan,-\ninf,+1\n5.,1e3\n";
  const CsvDataset data{bytes_of(text), "x.csv"};
  CsvRow row;
  data.read(0, row);
  CHECK_THROWS_WITH_AS(row.f32(0), "x.csv:2: column 'rating': expected a number (f32), got \"abc\"",
                       Error);
  CHECK_THROWS_WITH_AS(
      row.i64(1), "x.csv:2: column 'count': expected a whole number (i64), got \"1.5\"", Error);
  for (std::uint64_t i = 1; i < 5; ++i) {
    data.read(i, row);
    CHECK_THROWS_AS(row.f32(0), Error);
    CHECK_THROWS_AS(row.f64(0), Error);
    CHECK_THROWS_AS(row.i64(1), Error);
  }
  data.read(5, row);
  CHECK(row.f64(0) == 5.0);
  CHECK_THROWS_AS(row.i64(1), Error);

  const std::string page = std::string(1000, 'x');
  CsvReader reader{ByteSource{bytes_of(page), "x.csv"}, no_header};
  REQUIRE(reader.next(row));
  CHECK_THROWS_WITH_AS(
      row.f32(0),
      ("x.csv:1: column 0: expected a number (f32), got \"" + std::string(40, 'x') + "\"...")
          .c_str(),
      Error);
}

TEST_CASE("Csv readers: name the line at which a row that breaks the syntax starts") {
  CHECK(problem("a,b\n\"1\n2\",3\n4\n") == "x.csv:4: expected 2 fields, got 1");
  CHECK(problem("a,b\n1,2,3") == "x.csv:2: expected 2 fields, got 3");
  CHECK(problem("a,b\n\n") == "x.csv:2: expected 2 fields, got 1");
  CHECK(problem("a,b\n1,\"2\n\n") ==
        "x.csv:2: expected a closing quote of column 1, got the end of the file");
  CHECK(problem("name,b\n\"2", {}) ==
        "x.csv:2: expected a closing quote of column 'name', got the end of the file");
  CHECK(problem("a\"b\n") ==
        "x.csv:1: expected quotes around all of a field, got one inside column 0");
  CHECK(problem("\"a\"b\n") ==
        "x.csv:1: expected a separator or a line end after the closing quote of column 0, got "
        "another character");
  CHECK(problem("a\rb\n") == "x.csv:1: expected \\n after \\r, got another character");
  CHECK(problem("a\n\"b\"\r") == "x.csv:2: expected \\n after \\r, got the end of the file");
  CHECK(problem("", {}) == "x.csv:1: expected a header line, got an empty file");
  CHECK(problem("\xef\xbb\xbf", {}) == "x.csv:1: expected a header line, got an empty file");
  CHECK(problem("a,b,a\n", {}) == "x.csv:1: expected columns of different names, got \"a\" twice");
  CHECK(problem("a\n", {.separator = '\n'}) ==
        "csv: expected a separator that is no quote and no line end");
}

TEST_CASE("Csv readers: hold to their limits") {
  const CsvOptions limits{.header = false, .field_bytes = 4, .row_bytes = 6, .columns = 3};
  CHECK(parse("1234,12\n", limits).size() == 1);
  CHECK(problem("a,12345\n", limits) == "x.csv:1: expected column 1 of at most 4 bytes, got more");
  CHECK(problem("\"12345", limits) == "x.csv:1: expected column 0 of at most 4 bytes, got more");
  CHECK(problem("1234,123\n", limits) == "x.csv:1: expected a row of at most 6 bytes, got more");
  CHECK(problem(",,,\n", limits) == "x.csv:1: expected at most 3 columns, got more");
  const std::string bomb = gzip(std::string(1000, '\n'));
  CHECK_THROWS_AS((CsvDataset{bytes_of(bomb), "x.csv", {.total_bytes = 999}}), Error);
}

TEST_CASE("CsvDataset: may be read from several threads at once") {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += std::to_string(i) + "\n";
  const CsvDataset data{bytes_of(text), "x.csv", no_header};
  std::array<std::int64_t, 4> sums{};
  std::vector<std::thread> threads;
  for (std::int64_t& sum : sums) {
    threads.emplace_back([&data, &sum] {
      CsvRow row;
      for (std::uint64_t i = 0; i < data.size(); ++i) {
        data.read(i, row);
        sum += row.i64(0).value();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::int64_t sum : sums) CHECK(sum == 499'500);
}

TEST_CASE("Csv readers: read the 13,083 questions of banking77 and their 77 intents") {
  const auto train = troupe::test::find_data("banking77/train.csv.gz");
  const auto test = troupe::test::find_data("banking77/test.csv.gz");
  if (!train || !test) {
    troupe::test::skip("no banking77 in TROUPE_DATA");
    return;
  }
  for (const auto& [path, count] : {std::pair{*train, 10'003U}, std::pair{*test, 3'080U}}) {
    const CsvDataset data{path};
    CHECK(data.size() == count);
    CHECK(data.columns().names() == std::vector<std::string>{"text", "category"});
    const Rows rows = indexed(data);
    std::set<std::string> categories;
    for (const auto& row : rows) categories.insert(row[1]);
    CHECK(categories.size() == 77);
    CHECK(streamed(CsvReader{ByteSource{path}}) == rows);
  }
}

TEST_CASE("Csv readers: read the book ratings and the optical digits") {
  const auto ratings = troupe::test::find_data("ratings/goodbooks-5pct-users.csv.gz");
  const auto digits = troupe::test::find_data("optdigits/digits.csv.gz");
  if (!ratings || !digits) {
    troupe::test::skip("no ratings and optdigits in TROUPE_DATA");
    return;
  }
  CsvReader reader{ByteSource{*ratings}};
  const std::size_t rating = reader.columns().column("rating");
  std::array<int, 5> counts{};
  CsvRow row;
  while (reader.next(row)) ++counts.at(static_cast<std::size_t>(row.i64(rating).value() - 1));
  CHECK(counts == std::array{6'502, 18'533, 69'438, 106'126, 97'577});

  const CsvDataset data{*digits, no_header};
  CHECK(data.size() == 1'797);
  data.read(0, row);
  CHECK(row.size() == 65);
  CHECK(row.f32(3) == 13.0F);
}
