#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace troupe::serialization {

class ByteSource;

/// All bytes of a file, for random access: a plain file is mapped, so that the processes of a machine
/// share one copy, a gzip file is decompressed into memory once.
///
/// Immutable, cheap to copy (the copies share the bytes) and safe to read from any thread. A mapped
/// file must not be shortened while it is in use.
class Contents {
 public:
  /// @throws Error exhausted if a gzip file holds more than `limit_bytes`, and what ByteSource throws.
  Contents(const std::string& path, std::uint64_t limit_bytes);
  /// The same for `memory`, which the caller keeps alive unless it is gzip.
  Contents(std::span<const std::byte> memory, std::string name, std::uint64_t limit_bytes);

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::string& name() const { return name_; }

 private:
  void decompress(ByteSource& source, std::uint64_t limit_bytes);
  bool map();

  std::string name_;
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
};

}  // namespace troupe::serialization
