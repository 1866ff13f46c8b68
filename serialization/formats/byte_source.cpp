#include "serialization/formats/byte_source.hpp"

#include <fcntl.h>
#include <unistd.h>
#define ZLIB_CONST  // so that zlib takes input that is const
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>
#include <utility>
#include <vector>

#include "runtime/base/error.hpp"

namespace troupe::serialization {

namespace {
constexpr std::size_t buffer_bytes = 64 * 1024;
constexpr int gzip_only = 16 + MAX_WBITS;
}  // namespace

bool starts_gzip(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
}

struct ByteSource::Impl {
  explicit Impl(std::string source) : name{std::move(source)} {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    if (compressed) inflateEnd(&inflater);
    if (descriptor >= 0) ::close(descriptor);
  }

  std::size_t read_file(std::span<std::byte> into) const {
    while (true) {
      const ssize_t got = ::read(descriptor, into.data(), into.size());
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno == EINTR) continue;
      throw Error{ErrorCode::bad_input,
                  name + ": cannot read: " + std::generic_category().message(errno)};
    }
  }

  /// Whether `pending` holds a byte, after reading on where it does not.
  bool refill() {
    if (pending.empty() && descriptor >= 0) {
      pending = std::span{buffer}.first(read_file(buffer));
    }
    return !pending.empty();
  }

  void detect_compression() {
    if (descriptor >= 0) {
      buffer.resize(buffer_bytes);
      std::size_t filled = 0;
      while (filled < 2) {
        const std::size_t got = read_file(std::span{buffer}.subspan(filled));
        if (got == 0) break;
        filled += got;
      }
      pending = std::span{buffer}.first(filled);
    }
    if (!starts_gzip(pending)) return;
    if (inflateInit2(&inflater, gzip_only) != Z_OK) {
      throw Error{ErrorCode::exhausted, name + ": expected memory to decompress in, got none"};
    }
    compressed = true;
  }

  std::size_t read_plain(std::span<std::byte> into) {
    std::size_t filled = 0;
    while (filled < into.size() && refill()) {
      const std::size_t count = std::min(pending.size(), into.size() - filled);
      std::copy_n(pending.begin(), count, into.begin() + static_cast<std::ptrdiff_t>(filled));
      pending = pending.subspan(count);
      filled += count;
    }
    return filled;
  }

  std::size_t read_compressed(std::span<std::byte> into) {
    std::size_t filled = 0;
    while (filled < into.size()) {
      if (!refill()) {
        if (between_members) break;
        throw Error{ErrorCode::corrupted, name + ": expected more gzip data after " +
                                              std::to_string(offset + filled) +
                                              " decompressed bytes, got the end of the file"};
      }
      filled += inflate_some(into.subspan(filled), offset + filled);
    }
    return filled;
  }

  std::size_t inflate_some(std::span<std::byte> into, std::uint64_t at) {
    constexpr std::size_t at_most = std::numeric_limits<uInt>::max();
    const std::size_t given = std::min(pending.size(), at_most);
    const std::size_t room = std::min(into.size(), at_most);
    inflater.next_in = reinterpret_cast<const Bytef*>(pending.data());
    inflater.avail_in = static_cast<uInt>(given);
    inflater.next_out = reinterpret_cast<Bytef*>(into.data());
    inflater.avail_out = static_cast<uInt>(room);
    const int result = inflate(&inflater, Z_NO_FLUSH);
    pending = pending.subspan(given - inflater.avail_in);
    between_members = result == Z_STREAM_END;
    if (between_members) {
      inflateReset(&inflater);
    } else if (result == Z_MEM_ERROR) {
      throw Error{ErrorCode::exhausted, name + ": expected memory to decompress in, got none"};
    } else if (result != Z_OK) {
      throw Error{ErrorCode::corrupted, name + ": expected sound gzip data after " +
                                            std::to_string(at) + " decompressed bytes, got " +
                                            (inflater.msg ? inflater.msg : "a damaged stream")};
    }
    return room - inflater.avail_out;
  }

  std::string name;
  int descriptor = -1;
  std::vector<std::byte> buffer;
  std::span<const std::byte> pending;  // read but not yet consumed; all of it, for memory
  std::uint64_t offset = 0;
  bool compressed = false;
  bool between_members = false;
  z_stream inflater{};
};

ByteSource::ByteSource(const std::string& path) : impl_{std::make_unique<Impl>(path)} {
  impl_->descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (impl_->descriptor < 0) {
    throw Error{ErrorCode::bad_input,
                path + ": cannot open: " + std::generic_category().message(errno)};
  }
  impl_->detect_compression();
}

ByteSource::ByteSource(std::span<const std::byte> memory, std::string name)
    : impl_{std::make_unique<Impl>(std::move(name))} {
  impl_->pending = memory;
  impl_->detect_compression();
}

ByteSource::~ByteSource() = default;
ByteSource::ByteSource(ByteSource&&) noexcept = default;
ByteSource& ByteSource::operator=(ByteSource&&) noexcept = default;

std::size_t ByteSource::read(std::span<std::byte> into) {
  const std::size_t got =
      impl_->compressed ? impl_->read_compressed(into) : impl_->read_plain(into);
  impl_->offset += got;
  return got;
}

void ByteSource::read_exactly(std::span<std::byte> into, std::string_view what) {
  const std::size_t got = read(into);
  if (got == into.size()) return;
  throw Error{ErrorCode::bad_input, name() + ": " + std::string{what} + ": expected " +
                                        std::to_string(into.size()) + " bytes, got " +
                                        std::to_string(got) + " and the end of the file"};
}

std::uint64_t ByteSource::offset() const {
  return impl_->offset;
}
const std::string& ByteSource::name() const {
  return impl_->name;
}

}  // namespace troupe::serialization
