#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <span>
#include <utility>

namespace troupe::bench {

/// Another process, which does `work` with its end of a socket pair, then ends. It dies with this
/// one. To be called before any thread lives. @return its id and our end. @throws std::system_error
std::pair<pid_t, int> fork_with_socket(const std::function<void(int)>& work);

/// Reads one byte of each cache line, as somebody who uses them would have to.
std::size_t touch(std::span<const std::byte> bytes);

}  // namespace troupe::bench
