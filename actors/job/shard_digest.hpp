#pragma once

#include "serialization/xxh3.hpp"

namespace troupe::actors {

/// What a shard consumed: XXH3-128 of (position, record bytes) of each of its rows, in order.
using ShardDigest = serialization::Xxh3Digest;

}  // namespace troupe::actors
