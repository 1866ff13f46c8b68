#include "runtime/control/printable.hpp"

#include <random>

#include "tests/support/doctest_std.hpp"

using namespace troupe::runtime;

TEST_CASE("printable: text stays, and what a terminal obeys becomes an escape") {
  CHECK(printable("plain \"text\" \\ é 漢 😀") == "plain \"text\" \\ é 漢 😀");
  CHECK(printable("a\nb\r\t\x1b[31m\x7f") == "a\\nb\\r\\t\\x1b[31m\\x7f");
  CHECK(printable(std::string_view{"\0", 1}) == "\\x00");
  CHECK(printable("\xc2\x9b") == "\\x9b");  // a control sequence's beginning, as one code point
  CHECK(printable("\xe2\x80\xae") == "\\u202e");  // text from right to left
  CHECK(printable("\xe2\x80\xa8") == "\\u2028");  // a line end
}

TEST_CASE("printable: bytes that are not UTF-8 become escapes, one by one") {
  CHECK(printable("\xff") == "\\xff");
  CHECK(printable("\xc3") == "\\xc3");
  CHECK(printable("a\xe6\xbcz") == "a\\xe6\\xbcz");
  CHECK(printable("\xc0\xaf") == "\\xc0\\xaf");  // too long for its code point
  CHECK(printable("\xe0\x80\xaf") == "\\xe0\\x80\\xaf");
  CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");           // a surrogate
  CHECK(printable("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // past the last code point
}

TEST_CASE("printable: whatever comes, printing it again changes nothing") {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    std::mt19937_64 random{seed};
    std::string bytes(random() % 40, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    const std::string once = printable(bytes);
    CHECK(printable(once) == once);
  }
}

TEST_CASE("cut: it counts code points, and never parts one") {
  CHECK(columns("aé漢😀") == 4);
  CHECK(cut("aé漢😀", 4) == "aé漢😀");
  CHECK(cut("aé漢😀", 3) == "aé…");
  CHECK(cut("aé漢😀", 1) == "…");
  CHECK(cut("aé漢😀", 0) == "");
  CHECK(cut("", 0) == "");
}
