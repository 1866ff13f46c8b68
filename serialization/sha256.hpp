#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace troupe::serialization {

/// A SHA-256 digest (FIPS 180-4).
using Sha256Digest = std::array<std::byte, 32>;

/// SHA-256 of bytes that come in pieces. Equal bytes give one digest, however they were cut.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  void update(std::span<const std::byte> bytes);
  /// The digest of all that came since the start or the last finish(), and a new start.
  Sha256Digest finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

Sha256Digest sha256(std::span<const std::byte> bytes);

/// Two lower-case digits a byte.
std::string to_hex(std::span<const std::byte> bytes);
/// What to_hex() made of so many bytes. @throws Error bad_input, naming `what`, for other text.
void from_hex(std::string_view hex, std::span<std::byte> to, std::string_view what);
/// What to_hex() made of a digest. @throws Error bad_input for other text.
Sha256Digest sha256_from_hex(std::string_view hex);

}  // namespace troupe::serialization
