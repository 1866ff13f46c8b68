#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/base/clock.hpp"
#include "runtime/supervision/child_spec.hpp"

namespace troupe::runtime {

/// How long to wait before the n-th restart in a row, n from 0, as `Backoff` says.
/// @param share of the jitter that is taken off, in [0, 1): 0 waits longest.
/// In [0, limit], to the nanosecond; never overflows.
Duration backoff_delay(const Backoff& backoff, std::uint32_t n, double share);

/// A number in [0, 1), multiple of 2^-53: a pure function of its arguments, so that a run is replayed from
/// its seed, while siblings that fail together come back apart.
double jitter_share(std::uint64_t seed, std::string_view child, std::uint64_t restart);

}  // namespace troupe::runtime
