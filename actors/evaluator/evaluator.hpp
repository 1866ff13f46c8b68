#pragma once

#include "actors/evaluator/row_source.hpp"
#include "runtime/registry.hpp"

namespace troupe::actors {

/// Adds the actor type `evaluator`, which answers EvaluatePart with EvaluationCounts (evaluation.capnp). It computes on
/// an executor, one part after the other, and keeps the last version and the last split that it was asked for. What
/// cannot be evaluated is refused with the reason; the evaluator goes on.
void add_evaluator_types(runtime::Registry& registry, OpenRows open);

}  // namespace troupe::actors
