#include "runtime/cluster/worker_bootstrap.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "runtime/base/error.hpp"

namespace troupe::runtime {
namespace {

// --troupe-worker=NAME:BYTES:rw,NAME:BYTES:ro
constexpr std::string_view marker = "--troupe-worker";
constexpr int socket_descriptor = 3;
constexpr std::size_t most_memories = 64;

struct Entry {
  std::string name;
  std::uint64_t size_bytes = 0;
  SharedMemory::Access access = SharedMemory::Access::read_only;
};

[[noreturn]] void refuse(const std::string& problem) {
  throw Error{ErrorCode::bad_input,
              std::string{marker} +
                  ": is for processes that the runtime starts, not for a command line: " + problem};
}

/// The text before `separator`, which is taken off `text` with it; all of it if there is none.
std::string_view take(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return taken;
}

Entry parse_entry(std::string_view text) {
  Entry entry;
  std::string_view rest = text;
  entry.name = take(rest, ':');
  const std::string_view size = take(rest, ':');
  const auto [end, error] =
      std::from_chars(size.data(), size.data() + size.size(), entry.size_bytes);
  const bool number = error == std::errc{} && end == size.data() + size.size();
  if (entry.name.empty() || !number || (rest != "rw" && rest != "ro")) {
    refuse("expected NAME:BYTES:rw or NAME:BYTES:ro, got '" + std::string{text.substr(0, 200)} +
           "'");
  }
  if (rest == "rw") entry.access = SharedMemory::Access::read_write;
  return entry;
}

std::vector<Entry> parse_entries(std::string_view text) {
  std::vector<Entry> entries;
  std::set<std::string> names;
  while (!text.empty()) {
    if (entries.size() == most_memories) refuse("expected at most 64 memories");
    entries.push_back(parse_entry(take(text, ',')));
    if (!names.insert(entries.back().name).second) {
      refuse("'" + entries.back().name + "' is there twice");
    }
  }
  return entries;
}

int socket_option(int option) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(socket_descriptor, SOL_SOCKET, option, &value, &size) != 0) return -1;
  return value;
}

FileDescriptor owned(int descriptor) {
  ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  return FileDescriptor{descriptor};
}

}  // namespace

std::string worker_argument(const std::vector<InheritedMemory>& memories) {
  std::string argument{marker};
  std::set<std::string> names;
  char separator = '=';
  for (const InheritedMemory& inherited : memories) {
    if (inherited.memory == nullptr) {
      throw Error{ErrorCode::bad_input, "worker: expected a memory, got none"};
    }
    const SharedMemory& memory = *inherited.memory;
    if (!names.insert(memory.name()).second) {
      throw Error{ErrorCode::bad_input, "worker: memory '" + memory.name() + "' is there twice"};
    }
    const bool writable = inherited.access == SharedMemory::Access::read_write;
    argument += std::exchange(separator, ',') + memory.name() + ':' +
                std::to_string(memory.size_bytes()) + (writable ? ":rw" : ":ro");
  }
  if (memories.size() > most_memories) {
    throw Error{ErrorCode::bad_input,
                "worker: expected at most 64 memories, got " + std::to_string(memories.size())};
  }
  return argument;
}

std::optional<WorkerStart> find_worker_start(int argc, const char* const* argv) {
  if (argc < 2) return {};
  std::string_view text = argv[1];
  if (take(text, '=') != marker) return {};
  const std::vector<Entry> entries = parse_entries(text);
  // Nothing is taken over before it is known to be meant for us: else these may be anybody's descriptors.
  if (socket_option(SO_DOMAIN) != AF_UNIX || socket_option(SO_TYPE) != SOCK_STREAM) {
    refuse("descriptor 3 is not its socket");
  }
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const int descriptor = socket_descriptor + 1 + static_cast<int>(i);
    if (::fcntl(descriptor, F_GET_SEALS) < 0) {
      refuse("descriptor " + std::to_string(descriptor) + " is not the memory '" + entries[i].name +
             "'");
    }
  }
  WorkerStart start;
  start.socket = owned(socket_descriptor);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    const int descriptor = socket_descriptor + 1 + static_cast<int>(i);
    start.memories.emplace(entry.name, SharedMemory::map(owned(descriptor), entry.name,
                                                         entry.size_bytes, entry.access));
  }
  start.arguments.assign(argv + 2, argv + argc);
  return start;
}

}  // namespace troupe::runtime
