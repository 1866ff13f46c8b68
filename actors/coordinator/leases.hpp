#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/base/canonical_tree.hpp"

namespace troupe::actors {

/// How shards are shared out among trainers.
enum class SharePolicy : std::uint8_t {
  round_robin,   ///< as equal as can be
  least_loaded,  ///< in proportion to measured speed
};

/// For each trainer a range of shards; all ranges together are all shards, each once, in order. Whoever computes what
/// changes no bit (JOB-5); ranges end where nodes of the tree do if that costs no trainer more than it would have
/// anyway, since each node is one sum to send.
///
/// @param speeds  of each trainer, > 0; only their ratios count, and only with least_loaded
std::vector<Subtree> share_out(std::uint32_t shards, std::span<const double> speeds,
                               SharePolicy policy);

}  // namespace troupe::actors
