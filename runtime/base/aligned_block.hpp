#pragma once

#include <cstddef>
#include <memory>

namespace troupe {

/// Memory of `size_bytes` that begins at a multiple of 64, uninitialised. Never null, even for 0 bytes.
/// @throws Error exhausted if there is none.
std::shared_ptr<std::byte> aligned_block(std::size_t size_bytes);

}  // namespace troupe
