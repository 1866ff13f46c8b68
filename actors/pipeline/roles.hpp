#pragma once

#include "actors/loader/data_format.hpp"

namespace troupe::runtime {
class Registry;
}

namespace troupe::actors {

/// Adds the actor types of a job, and the sections that a config may hold instead of naming them one by one.
/// @param formats  of data, the application's own, beside those that are built in
void add_roles(runtime::Registry& registry, const DataFormats& formats = {});

}  // namespace troupe::actors
