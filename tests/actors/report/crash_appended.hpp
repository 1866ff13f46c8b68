#pragma once

#include <cstdint>
#include <string>

#include "tests/support/file_double.hpp"

namespace troupe::test {

/// The disk that a restart finds, where a file only grew since its bytes were `synced`: these stay, whatever became of
/// what followed them. (FileDouble::crash alone may tear a whole file of which any byte was not synced.)
inline FileDouble crash_appended(const FileDouble& disk, std::uint64_t seed,
                                 const std::string& path, const std::string& synced) {
  FileDouble found = disk.crash(seed);
  if (found.kind(path) == PathKind::none) return found;
  const std::string torn = text_of(found, path);
  const std::string tail = torn.size() > synced.size() ? torn.substr(synced.size()) : "";
  write_atomically(found, path, as_bytes(synced + tail));
  return found;
}

}  // namespace troupe::test
