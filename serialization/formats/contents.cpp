#include "serialization/formats/contents.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "runtime/base/error.hpp"
#include "serialization/formats/byte_source.hpp"

namespace troupe::serialization {

Contents::Contents(const std::string& path, std::uint64_t limit_bytes) : name_{path} {
  if (map() && !starts_gzip(bytes_)) return;
  ByteSource source{path};
  decompress(source, limit_bytes);
}

Contents::Contents(std::span<const std::byte> memory, std::string name, std::uint64_t limit_bytes)
    : name_{std::move(name)}, bytes_{memory} {
  if (!starts_gzip(memory)) return;
  ByteSource source{memory, name_};
  decompress(source, limit_bytes);
}

/// False for what cannot be mapped: pipes, empty files, files that are not there.
bool Contents::map() {
  const int descriptor = ::open(name_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  struct stat status {};
  const bool regular = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  const auto size = regular ? static_cast<std::size_t>(status.st_size) : 0;
  void* address =
      size > 0 ? ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0) : MAP_FAILED;
  ::close(descriptor);
  if (address == MAP_FAILED) return false;
  owner_ = std::shared_ptr<const void>{address,
                                       [address, size](const void*) { ::munmap(address, size); }};
  bytes_ = {static_cast<const std::byte*>(address), size};
  return true;
}

void Contents::decompress(ByteSource& source, std::uint64_t limit_bytes) {
  constexpr std::size_t first_bytes = 1 << 20;
  auto all = std::make_shared<std::vector<std::byte>>();
  std::size_t filled = 0;
  while (filled == all->size()) {
    if (filled > limit_bytes) {
      throw Error{ErrorCode::exhausted, name_ + ": expected at most " +
                                            std::to_string(limit_bytes) +
                                            " bytes in memory, got more"};
    }
    // One byte past the limit, to tell a file that ends there from one that does not.
    const std::uint64_t most = limit_bytes + 1 == 0 ? limit_bytes : limit_bytes + 1;
    all->resize(std::min<std::uint64_t>(most, std::max(first_bytes, 2 * filled)));
    filled += source.read(std::span{*all}.subspan(filled));
  }
  all->resize(filled);
  bytes_ = *all;
  owner_ = std::move(all);
}

}  // namespace troupe::serialization
