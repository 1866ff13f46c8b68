#pragma once

#include <vector>

#include "runtime/cluster/node.hpp"
#include "runtime/supervision/child_spec.hpp"

namespace troupe::bench {

/// What the node's tree needs: a child on its threads and one in a process.
std::vector<runtime::ChildSpec> healing_children();

/// How long it takes from an exception to the first answer by the next incarnation, in
/// milliseconds.
std::vector<double> heal_from_exceptions(runtime::Node& node, int times);
/// The same from SIGKILL of a worker process.
std::vector<double> heal_from_kills(runtime::Node& node, int times);

}  // namespace troupe::bench
