#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "runtime/base/file.hpp"

namespace troupe::actors {

/// A file that grows by whole records. Where a record could be written in part only (a full disk), that part is cut off
/// before the next one, so that the file holds whole records but for its last one. Not thread-safe.
class AppendFile {
 public:
  /// Opens, or creates, and cuts to `size_bytes`. The folder is synced where the file was created.
  AppendFile(FileSystem& files, std::string path, std::uint64_t size_bytes);

  /// @throws Error as the file system does; the record does not count then.
  void append(std::span<const std::byte> record);
  /// Returns when all records are on the disk.
  void sync();

  std::uint64_t size_bytes() const { return size_bytes_; }
  const std::string& path() const { return path_; }

 private:
  FileSystem& files_;
  std::string path_;
  std::unique_ptr<OutputFile> file_;
  std::uint64_t size_bytes_;
  bool torn_ = false;
};

}  // namespace troupe::actors
