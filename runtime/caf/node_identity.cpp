#include "runtime/caf/node_identity.hpp"

#include <sys/random.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>

#include "runtime/base/error.hpp"

namespace {

std::atomic<bool> was_asked{false};

}  // namespace

namespace caf::detail {

// The same name as in libcaf_core, found before it since the program links ours first.
__attribute__((visibility("default"))) std::string get_root_uuid() {
  std::array<char, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw troupe::Error{troupe::ErrorCode::exhausted,
                        std::string{"node identity: no random bytes: "} + std::strerror(errno)};
  was_asked.store(true);
  return {bytes.begin(), bytes.end()};
}

}  // namespace caf::detail

namespace troupe::runtime {

void check_node_identity() {
  if (!was_asked.load())
    throw Error{ErrorCode::bug,
                "node identity: CAF used its own instead of a random one, so that two containers "
                "may get the same; "
                "link troupe_runtime before caf_core"};
}

}  // namespace troupe::runtime
