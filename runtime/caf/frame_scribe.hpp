#pragma once

#include <caf/io/scribe.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/caf/block_pool.hpp"
#include "serialization/frame.hpp"

namespace caf::io::network {
class default_multiplexer;
}

namespace troupe::runtime {

/// The connection to another process: BASP's bytes, and beside them, on the same socket, large
/// frames that BASP's messages only name. They go from their block to the socket and from there
/// into a block of their own, where BASP would copy them into its buffer on each side. Both sides
/// must use it.
caf::io::scribe_ptr make_frame_scribe(caf::io::network::default_multiplexer& multiplexer,
                                      int socket);

// For what BASP serializes, in its thread (parcel.cpp).

/// Has the frame sent before what is appended to `buffer` from here on. @return its number; nothing
/// if `buffer` is no connection's or the frame is too small for the trouble.
std::optional<std::uint64_t> put_beside(const std::vector<char>& buffer,
                                        const serialization::Frame& frame);

/// What came beside the message that is being read; empty if it did not.
Block take_beside(std::uint64_t number);

}  // namespace troupe::runtime
