#include "serialization/sha256.hpp"

#include <openssl/evp.h>

#include <bit>

#include "runtime/base/error.hpp"

namespace troupe::serialization {

struct Sha256::Context {
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> evp{EVP_MD_CTX_new()};

  void check(int succeeded) const {
    if (succeeded != 1) throw Error{ErrorCode::unsupported, "sha256: libcrypto refuses SHA-256"};
  }
  void start() const { check(evp ? EVP_DigestInit_ex(evp.get(), EVP_sha256(), nullptr) : 0); }
};

Sha256::Sha256() : context_{std::make_unique<Context>()} {
  context_->start();
}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> bytes) {
  context_->check(EVP_DigestUpdate(context_->evp.get(), bytes.data(), bytes.size()));
}

Sha256Digest Sha256::finish() {
  std::array<unsigned char, 32> digest{};
  context_->check(EVP_DigestFinal_ex(context_->evp.get(), digest.data(), nullptr));
  context_->start();
  return std::bit_cast<Sha256Digest>(digest);
}

Sha256Digest sha256(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

std::string to_hex(std::span<const std::byte> bytes) {
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) {
    text += digits[std::to_integer<unsigned>(byte) >> 4];
    text += digits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

void from_hex(std::string_view hex, std::span<std::byte> to, std::string_view what) {
  constexpr std::string_view digits = "0123456789abcdef";
  if (hex.size() != 2 * to.size() || hex.find_first_not_of(digits) != std::string_view::npos) {
    throw Error{ErrorCode::bad_input, std::string{what} + ": expected " +
                                          std::to_string(2 * to.size()) +
                                          " lower-case hexadecimal digits, got \"" +
                                          std::string{hex.substr(0, 80)} + '"'};
  }
  for (std::size_t i = 0; i < to.size(); ++i)
    to[i] = static_cast<std::byte>(digits.find(hex[2 * i]) * 16 + digits.find(hex[2 * i + 1]));
}

Sha256Digest sha256_from_hex(std::string_view hex) {
  Sha256Digest digest{};
  from_hex(hex, digest, "SHA-256");
  return digest;
}

}  // namespace troupe::serialization
