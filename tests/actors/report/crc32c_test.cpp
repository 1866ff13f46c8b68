#include "actors/report/crc32c.hpp"

#include <array>

#include "tests/support/file_double.hpp"

using namespace troupe;
using namespace troupe::actors;

TEST_CASE("CRC-32C: the examples of RFC 3720, appendix B.4") {
  std::array<std::byte, 32> bytes{};
  CHECK(crc32c(bytes) == 0x8a9136aa);
  bytes.fill(std::byte{0xff});
  CHECK(crc32c(bytes) == 0x62a8ab43);
  for (std::size_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(i);
  CHECK(crc32c(bytes) == 0x46dd794e);
  for (std::size_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(31 - i);
  CHECK(crc32c(bytes) == 0x113fdb5c);
  // An iSCSI SCSI Read (10) command.
  std::array<std::byte, 48> command{};
  command[0] = std::byte{0x01};
  command[1] = std::byte{0xc0};
  command[16] = std::byte{0x14};
  command[22] = std::byte{0x04};
  command[27] = std::byte{0x14};
  command[31] = std::byte{0x18};
  command[32] = std::byte{0x28};
  command[40] = std::byte{0x02};
  CHECK(crc32c(command) == 0xd9963a56);
}

TEST_CASE("CRC-32C: of nothing, of the usual check text, and masked") {
  CHECK(crc32c({}) == 0);
  CHECK(crc32c(test::as_bytes("123456789")) == 0xe3069283);
  CHECK(masked(0) == 0xa282ead8);
  CHECK(masked(0x8000) == 0xa282ead9);
  CHECK(masked(1) == 0xa284ead8);
}
