#pragma once

#include "actors/loader/data_format.hpp"
#include "runtime/registry.hpp"

namespace troupe::actors {

/// The actor type "loader": it prepares parts of data and makes inputs for trainers (serialization/schema/data.capnp:
/// MeasureColumns, PreparePart, MeasurePart, OpenData, LoadShard), one after the other on an executor. It holds nothing
/// but what it was told to open: one that was started anew is asked the same again. What it cannot do it refuses
/// with the reason.
/// @param formats  of the application's own, beside those that are built in
void add_loader_types(runtime::Registry& registry, DataFormats formats = {});

}  // namespace troupe::actors
