#pragma once

namespace troupe::runtime {
class Registry;
}

namespace troupe::actors {

/// Adds the type "aggregator".
///
/// It adds up the partial sums of the step in flight, and when they are complete makes the next version, on its
/// executor. What it knows of a step is lost with it; the trainers send it again.
void add_aggregator_type(runtime::Registry& registry);

}  // namespace troupe::actors
