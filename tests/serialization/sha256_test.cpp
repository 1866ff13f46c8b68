#include "serialization/sha256.hpp"

#include "runtime/base/error.hpp"

#include "tests/support/file_double.hpp"

using namespace troupe::serialization;
using troupe::test::as_bytes;

TEST_CASE("Sha256: gives the digests of FIPS 180-4's examples") {
  CHECK(to_hex(sha256({})) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(to_hex(sha256(as_bytes("abc"))) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("Sha256: bytes in pieces give the digest of the whole, and finish starts anew") {
  Sha256 hash;
  for (int round = 0; round < 2; ++round) {
    hash.update(as_bytes("a"));
    hash.update({});
    hash.update(as_bytes("bc"));
    CHECK(hash.finish() == sha256(as_bytes("abc")));
  }
}

TEST_CASE("sha256_from_hex: reads what to_hex writes, and nothing else") {
  const auto digest = troupe::serialization::sha256({});
  const std::string hex = troupe::serialization::to_hex(digest);
  CHECK(troupe::serialization::sha256_from_hex(hex) == digest);
  for (const std::string& wrong : {std::string{}, hex.substr(1), hex + "0", 'G' + hex.substr(1)})
    CHECK_THROWS_AS(troupe::serialization::sha256_from_hex(wrong), troupe::Error);
}
