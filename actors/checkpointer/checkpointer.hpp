#pragma once

namespace troupe::runtime {
class Registry;
}

namespace troupe::actors {

/// Adds the type "checkpointer": it makes versions durable while training goes on, one at a time, on its executor.
void add_checkpointer_type(runtime::Registry& registry);

}  // namespace troupe::actors
