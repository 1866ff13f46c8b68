#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace troupe::serialization {

/// A stream of bytes out of a file or out of memory, decompressed where it starts with gzip's magic
/// bytes (RFC 1952; several members after each other are one stream, as `cat a.gz b.gz` makes them).
///
/// Memory use is constant, so a decompression bomb yields no more than its reader asks for. A checksum
/// is verified when its member's last byte has been read *and* a further read finds the end.
/// Not thread-safe. Methods throw Error corrupted, naming the source, for truncated or damaged gzip
/// data, and bad_input for files that cannot be read.
class ByteSource {
 public:
  explicit ByteSource(const std::string& path);
  /// Reads `memory`, which the caller keeps; `name` stands in errors.
  ByteSource(std::span<const std::byte> memory, std::string name);
  ~ByteSource();
  ByteSource(ByteSource&&) noexcept;
  ByteSource& operator=(ByteSource&&) noexcept;

  /// Fills `into` and returns how many bytes that were: fewer than its size only at the end.
  std::size_t read(std::span<std::byte> into);
  /// Fills all of `into`. @throws Error bad_input that names `what`, if the source ends before that.
  void read_exactly(std::span<std::byte> into, std::string_view what);

  /// How many bytes have been read, after decompression.
  std::uint64_t offset() const;
  const std::string& name() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Whether a file that starts so is gzip.
bool starts_gzip(std::span<const std::byte> bytes);

}  // namespace troupe::serialization
