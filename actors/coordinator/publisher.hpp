#pragma once

namespace troupe::runtime {
class Registry;
}

namespace troupe::actors {

/// Adds the type "publisher": where there is no job, it has a saved version served, and does what `troupe promote` and
/// `troupe rollback` ask for (serving.hpp). It may end at any time.
void add_publisher_type(runtime::Registry& registry);

}  // namespace troupe::actors
