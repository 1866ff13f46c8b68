#include "serialization/formats/byte_source.hpp"

#include "runtime/base/error.hpp"
#include "tests/support/gzip.hpp"
#include "tests/support/temporary_file.hpp"

using troupe::Error;
using troupe::ErrorCode;
using troupe::serialization::ByteSource;
using troupe::test::bytes_of;
using troupe::test::gzip;
using troupe::test::TemporaryFile;

namespace {
std::string read_all(ByteSource& source, std::size_t step) {
  std::string all;
  std::string part(step, '\0');
  while (const std::size_t got = source.read(std::as_writable_bytes(std::span{part}))) {
    all.append(part, 0, got);
  }
  return all;
}

std::string long_text() {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += std::to_string(i * 7919 % 100'003) + ",";
  return text;
}

ErrorCode code_of(const std::string& content) {
  try {
    ByteSource source{bytes_of(content), "x.gz"};
    read_all(source, 4096);
  } catch (const Error& error) {
    CHECK(std::string{error.what()}.starts_with("x.gz: expected "));
    return error.code();
  }
  return ErrorCode::bug;
}
}  // namespace

TEST_CASE("ByteSource: gives the same bytes from a plain or a gzip file, and from memory") {
  const std::string text = long_text();
  for (const std::string& content : {text, gzip(text)}) {
    const TemporaryFile file{"byte_source_test.bin", content};
    for (const std::size_t step : {1000, 7, 1 << 20}) {
      ByteSource from_file{file.path()};
      ByteSource from_memory{bytes_of(content), "memory"};
      CHECK(read_all(from_file, step) == text);
      CHECK(read_all(from_memory, step) == text);
      CHECK(from_file.offset() == text.size());
    }
  }
}

TEST_CASE("ByteSource: reads several gzip members as one stream") {
  const std::string content = gzip("one ") + gzip("") + gzip("two");
  ByteSource source{bytes_of(content), "memory"};
  CHECK(read_all(source, 5) == "one two");
}

TEST_CASE("ByteSource: an empty file has no bytes, and one byte is not yet gzip") {
  for (const std::string content : {"", "\x1f"}) {
    const TemporaryFile file{"byte_source_test.bin", content};
    ByteSource source{file.path()};
    CHECK(read_all(source, 10) == content);
  }
}

TEST_CASE("ByteSource: names the file when it is not there or is a folder") {
  CHECK_THROWS_WITH_AS((ByteSource{"no_such_file"}),
                       "no_such_file: cannot open: No such file or directory", Error);
  CHECK_THROWS_WITH_AS((ByteSource{"."}), ".: cannot read: Is a directory", Error);
}

TEST_CASE("ByteSource: refuses gzip data that is cut or has any bit of it flipped") {
  const std::string content = gzip("some text, some text, and some more of the text");
  for (std::size_t cut = 2; cut < content.size(); ++cut) {
    CHECK(code_of(content.substr(0, cut)) == ErrorCode::corrupted);
  }
  for (std::size_t at = content.size() - 8; at < content.size(); ++at) {  // CRC and length
    std::string flipped = content;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    CHECK(code_of(flipped) == ErrorCode::corrupted);
  }
  CHECK(code_of(content + "trailing") == ErrorCode::corrupted);
}

TEST_CASE("ByteSource: yields no more of a decompression bomb than was asked for") {
  const std::string bomb = gzip(std::string(64 << 20, '\0'));
  CHECK(bomb.size() < 100'000);
  ByteSource source{bytes_of(bomb), "bomb.gz"};
  std::array<std::byte, 100> some{};
  CHECK(source.read(some) == 100);
  CHECK(source.offset() == 100);
}

TEST_CASE("ByteSource: says what is missing when a part must be whole") {
  const std::string text = "abc";
  ByteSource source{bytes_of(text), "abc.bin"};
  std::array<std::byte, 5> five{};
  CHECK_THROWS_WITH_AS(source.read_exactly(five, "record 2"),
                       "abc.bin: record 2: expected 5 bytes, got 3 and the end of the file", Error);
}
