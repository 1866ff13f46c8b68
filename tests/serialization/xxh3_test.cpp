#include "serialization/xxh3.hpp"

#include "serialization/sha256.hpp"
#include "tests/support/file_double.hpp"

using namespace troupe::serialization;
using troupe::test::as_bytes;

TEST_CASE("Xxh3_128: gives the library's published values, as xxhsum prints them") {
  // xxhsum -H2 of an empty file, and of "abc" without a line end
  CHECK(to_hex(xxh3_128({})) == "99aa06d3014798d86001c324468d497f");
  CHECK(to_hex(xxh3_128(as_bytes("abc"))) == "06b05ab6733a618578af5f94892f3950");
}

TEST_CASE("Xxh3_128: bytes in pieces give the hash of the whole, and finish starts anew") {
  const std::string text(1000, 'x');
  Xxh3_128 hash;
  for (const std::size_t cut : {0, 1, 239, 240, 241, 999}) {
    hash.update(as_bytes(text).first(cut));
    hash.update(as_bytes(text).subspan(cut));
    CHECK(hash.finish() == xxh3_128(as_bytes(text)));
  }
}
