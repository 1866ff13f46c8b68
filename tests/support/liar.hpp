#pragma once

#include "runtime/registry.hpp"

namespace troupe::test {

/// "liar": at a Poke it asks `whom` to start a child, by a message that is not sound, and passes the
/// answer on; before and behind it goes an Add to "/near":
///
///     type       is a TensorList        nesting   has subtrees in subtrees, too many
///     traversal  has one long text in many places
///     tell       an Add that is no struct, as a tell; it answers at once
///     answer     answers with a frame whose head is no struct
///
/// "reader": at a Poke it asks `whom` to do the same, and answers with what it read.
void add_liar(runtime::Registry& registry);

}  // namespace troupe::test
