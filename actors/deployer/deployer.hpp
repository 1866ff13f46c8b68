#pragma once

#include "actors/deployer/feedback_sink.hpp"
#include "actors/deployer/servable.hpp"

namespace troupe::runtime {
class Registry;
}

namespace troupe::actors {

/// Adds "deployer", the front that serves a model over HTTP, and "replica", what computes for it. `make_sink` may be
/// empty: then a deployer's `feedback` must be "".
///
/// A deployer is started after its replicas, so that it ends before them and what is in flight is computed. Each of its
/// replicas joins by itself, whenever it or the deployer begins. What it hears stands in serving.capnp; its parameters
/// in deployer_options.hpp.
void add_deployer_types(runtime::Registry& registry, LoadServable load,
                        MakeFeedbackSink make_sink = {});

void add_replica_type(runtime::Registry& registry, LoadServable load);

}  // namespace troupe::actors
