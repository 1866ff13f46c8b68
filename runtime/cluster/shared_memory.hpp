#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "runtime/base/file_descriptor.hpp"

namespace troupe::runtime {

/// Memory that this process shares with its workers: page aligned, zero at first, of a size that nobody can
/// change any more, so that touching it is always safe. It is gone with its last holder, however that ends.
/// What is written is seen by the others as between threads: order it with atomics. Move-only.
class SharedMemory {
 public:
  enum class Access : std::uint8_t { read_only, read_write };

  /// New memory, mapped read-write. Its pages are taken when first touched.
  /// @param name 1 to 100 letters, digits, '_', '-', '.', '/'.
  /// @throws Error bad_input for another name or 0 bytes, exhausted for more than the machine has.
  static SharedMemory create(const std::string& name, std::uint64_t size_bytes);
  /// Maps what another process has created.
  /// @throws Error bad_input unless it is sealed shared memory of just this size.
  static SharedMemory map(FileDescriptor descriptor, const std::string& name,
                          std::uint64_t size_bytes, Access access);

  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&& other) noexcept;
  ~SharedMemory();

  const std::string& name() const noexcept { return name_; }
  std::uint64_t size_bytes() const noexcept { return bytes_.size(); }
  Access access() const noexcept { return access_; }
  /// Open for as long as this object lives; close-on-exec.
  int descriptor() const noexcept { return descriptor_.get(); }

  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  /// @throws Error bug if it is mapped read-only.
  std::span<std::byte> writable_bytes();

 private:
  SharedMemory(FileDescriptor descriptor, const std::string& name, std::uint64_t size_bytes,
               Access access);

  FileDescriptor descriptor_;
  std::string name_;
  Access access_;
  std::span<std::byte> bytes_;
};

}  // namespace troupe::runtime
