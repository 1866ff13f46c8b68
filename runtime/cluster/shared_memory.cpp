#include "runtime/cluster/shared_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "runtime/base/error.hpp"
#include "runtime/base/name.hpp"
#include "runtime/cluster/posix_error.hpp"

namespace troupe::runtime {
namespace {

std::string label(std::string_view name) {
  return "shared memory '" + std::string{name} + "'";
}

void check_name(std::string_view name) {
  const auto allowed = [](char c) { return is_name_character(c) || c == '/'; };
  if (name.empty() || name.size() > 100 || !std::all_of(name.begin(), name.end(), allowed)) {
    throw Error{ErrorCode::bad_input, label(name.substr(0, 100)) +
                                          ": expected a name of 1 to 100 letters, digits, '_', "
                                          "'-', '.', '/'"};
  }
}

void check_size(const std::string& name, std::uint64_t size_bytes) {
  if (size_bytes == 0) throw Error{ErrorCode::bad_input, label(name) + ": expected a size, got 0"};
  // The system itself would promise any amount, and end the process that touches too much.
  struct sysinfo machine {};
  if (::sysinfo(&machine) != 0) throw posix_error(label(name) + ": sysinfo", errno);
  const std::uint64_t total =
      (std::uint64_t{machine.totalram} + machine.totalswap) * machine.mem_unit;
  if (size_bytes > total) {
    throw Error{ErrorCode::exhausted, label(name) + ": expected at most the machine's " +
                                          std::to_string(total) + " bytes, got " +
                                          std::to_string(size_bytes)};
  }
}

}  // namespace

SharedMemory SharedMemory::create(const std::string& name, std::uint64_t size_bytes) {
  check_name(name);
  check_size(name, size_bytes);
  FileDescriptor memory{::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  if (!memory) throw posix_error(label(name) + ": memfd_create", errno);
  if (::ftruncate(memory.get(), static_cast<off_t>(size_bytes)) != 0) {
    throw posix_error(label(name) + ": ftruncate", errno);
  }
  if (::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    throw posix_error(label(name) + ": seal", errno);
  }
  return {std::move(memory), name, size_bytes, Access::read_write};
}

SharedMemory SharedMemory::map(FileDescriptor descriptor, const std::string& name,
                               std::uint64_t size_bytes, Access access) {
  check_name(name);
  const int seals = ::fcntl(descriptor.get(), F_GET_SEALS);
  constexpr int wanted = F_SEAL_SHRINK | F_SEAL_GROW;
  if (seals < 0 || (seals & wanted) != wanted) {
    throw Error{ErrorCode::bad_input, label(name) + ": descriptor " +
                                          std::to_string(descriptor.get()) +
                                          " is not memory of a fixed size"};
  }
  struct stat status {};
  if (::fstat(descriptor.get(), &status) != 0) throw posix_error(label(name) + ": fstat", errno);
  const auto actual = static_cast<std::uint64_t>(status.st_size);
  if (actual != size_bytes || size_bytes == 0) {
    throw Error{ErrorCode::bad_input, label(name) + ": expected " + std::to_string(size_bytes) +
                                          " bytes, got " + std::to_string(actual)};
  }
  return {std::move(descriptor), name, size_bytes, access};
}

SharedMemory::SharedMemory(FileDescriptor descriptor, const std::string& name,
                           std::uint64_t size_bytes, Access access)
    : descriptor_{std::move(descriptor)}, name_{name}, access_{access} {
  const int protection = access == Access::read_only ? PROT_READ : PROT_READ | PROT_WRITE;
  void* const begin =
      ::mmap(nullptr, size_bytes, protection, MAP_SHARED, descriptor_.get(), off_t{0});
  if (begin == MAP_FAILED) throw posix_error(label(name) + ": mmap", errno);
  bytes_ = {static_cast<std::byte*>(begin), size_bytes};
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : descriptor_{std::move(other.descriptor_)},
      name_{std::move(other.name_)},
      access_{other.access_},
      bytes_{std::exchange(other.bytes_, {})} {}

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(name_, other.name_);
  std::swap(access_, other.access_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

SharedMemory::~SharedMemory() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

std::span<std::byte> SharedMemory::writable_bytes() {
  if (access_ == Access::read_only) {
    throw Error{ErrorCode::bug, label(name_) + ": expected memory that may be written"};
  }
  return bytes_;
}

}  // namespace troupe::runtime
