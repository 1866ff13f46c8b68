#pragma once

namespace troupe::runtime {
class Registry;
}

namespace troupe::actors {

/// Adds the actor types of a job, and the sections that a config may hold instead of naming them one by one.
void add_roles(runtime::Registry& registry);

}  // namespace troupe::actors
