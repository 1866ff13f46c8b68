#pragma once

#include <cstdint>
#include <vector>

#include "runtime/cluster/node.hpp"
#include "runtime/registry.hpp"
#include "runtime/supervision/child_spec.hpp"

namespace troupe::bench {

/// Adds the types of the actors below, before worker_main().
void add_request_types(runtime::Registry& registry);
/// What the node's tree needs.
std::vector<runtime::ChildSpec> request_children();

/// One actor asks another `count` times, `in_flight` at a time. @return seconds.
double requests(runtime::Node& node, std::uint64_t count, std::uint64_t in_flight);
/// One actor sends another `count` messages, then asks whether they have come. @return seconds.
double messages(runtime::Node& node, std::uint64_t count);

}  // namespace troupe::bench
