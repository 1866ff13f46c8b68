#include "serialization/formats/contents.hpp"

#include "runtime/base/error.hpp"
#include "tests/support/gzip.hpp"
#include "tests/support/temporary_file.hpp"

using troupe::Error;
using troupe::serialization::Contents;
using troupe::test::bytes_of;
using troupe::test::gzip;
using troupe::test::TemporaryFile;

namespace {
std::string text_of(const Contents& contents) {
  return {reinterpret_cast<const char*>(contents.bytes().data()), contents.bytes().size()};
}
}  // namespace

TEST_CASE("Contents: holds a file's bytes, decompressed, for as long as a copy lives") {
  std::string text = "0123456789";
  while (text.size() < 3'000'000) text += text;
  for (const std::string& content : {text, gzip(text)}) {
    const TemporaryFile file{"contents_test.bin", content};
    auto first = std::make_unique<Contents>(file.path(), text.size());
    const Contents second = *first;
    first.reset();
    CHECK(text_of(second) == text);
    CHECK(second.name() == file.path());
    CHECK(text_of(Contents{bytes_of(content), "memory", text.size()}) == text);
  }
}

TEST_CASE("Contents: a gzip file one byte past the limit is refused") {
  const std::string content = gzip("0123456789");
  CHECK(text_of(Contents{bytes_of(content), "memory", 10}) == "0123456789");
  CHECK_THROWS_WITH_AS((Contents{bytes_of(content), "x.gz", 9}),
                       "x.gz: expected at most 9 bytes in memory, got more", Error);
}

TEST_CASE("Contents: an empty file is empty, a missing one an error") {
  const TemporaryFile file{"contents_test.bin", ""};
  CHECK(Contents{file.path(), 10}.bytes().empty());
  CHECK_THROWS_AS((Contents{"no_such_file", 10}), Error);
}
