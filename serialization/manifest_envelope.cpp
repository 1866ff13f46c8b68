#include "serialization/manifest_envelope.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "runtime/base/error.hpp"
#include "serialization/little_endian.hpp"
#include "serialization/sha256.hpp"
#include "serialization/xxh3.hpp"

namespace troupe::serialization {
namespace {

constexpr std::string_view magic = "TROUPECK";
constexpr std::size_t format_at = 8;
constexpr std::size_t reserved_at = 12;
constexpr std::size_t size_at = 16;
constexpr std::size_t hash_at = 24;
constexpr std::size_t message_at = 40;

Xxh3Digest hash_of(std::span<const std::byte> file) {
  Xxh3_128 hash;
  hash.update(file.first(hash_at));
  hash.update(file.subspan(message_at));
  return hash.finish();
}

}  // namespace

std::vector<std::byte> wrap_manifest(std::span<const std::byte> message, std::uint32_t format) {
  std::vector<std::byte> file(message_at + message.size());
  std::memcpy(file.data(), magic.data(), magic.size());
  store_little(file, format_at, format);
  store_little(file, size_at, std::uint64_t{message.size()});
  std::ranges::copy(message, file.begin() + message_at);
  std::ranges::copy(hash_of(file), file.begin() + hash_at);
  return file;
}

std::span<const std::byte> unwrap_manifest(std::span<const std::byte> file,
                                           const std::string& where) {
  const auto refuse = [&](ErrorCode code, const std::string& expected, const std::string& got) {
    throw Error{code, where + ": expected " + expected + ", got " + got};
  };
  if (file.size() < message_at) {
    refuse(ErrorCode::corrupted, "at least " + std::to_string(message_at) + " bytes",
           std::to_string(file.size()));
  }
  if (std::memcmp(file.data(), magic.data(), magic.size()) != 0) {
    refuse(ErrorCode::corrupted, "the magic of a checkpoint's manifest", "other bytes");
  }
  const auto format = load_little<std::uint32_t>(file, format_at);
  if (format == 0 || format > manifest_format) {
    refuse(format == 0 ? ErrorCode::corrupted : ErrorCode::unsupported,
           "format 1 to " + std::to_string(manifest_format), "format " + std::to_string(format));
  }
  const std::span<const std::byte> message = file.subspan(message_at);
  const auto size = load_little<std::uint64_t>(file, size_at);
  if (size != message.size() || size % 8 != 0 ||
      load_little<std::uint32_t>(file, reserved_at) != 0) {
    refuse(ErrorCode::corrupted, "a message of " + std::to_string(size) + " bytes",
           std::to_string(message.size()));
  }
  const std::span<const std::byte> told = file.subspan(hash_at, sizeof(Xxh3Digest));
  const Xxh3Digest hash = hash_of(file);
  if (!std::ranges::equal(hash, told)) {
    refuse(ErrorCode::corrupted, "XXH3-128 " + to_hex(told), to_hex(hash));
  }
  return message;
}

}  // namespace troupe::serialization
