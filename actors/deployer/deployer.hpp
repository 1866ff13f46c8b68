#pragma once

#include "actors/deployer/feedback_sink.hpp"
#include "actors/deployer/servable.hpp"

namespace troupe::runtime {
class Registry;
}

namespace troupe::actors {

/// Adds "deployer", the front that serves a model over HTTP, and "replica", what computes for it. `make_sink` may be
/// empty: then a deployer's `feedback` must be "".
void add_deployer_types(runtime::Registry& registry, LoadServable load,
                        MakeFeedbackSink make_sink = {});

void add_replica_type(runtime::Registry& registry, LoadServable load);

}  // namespace troupe::actors
