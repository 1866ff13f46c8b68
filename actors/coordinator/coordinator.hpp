#pragma once

#include "actors/loader/data_format.hpp"
#include "actors/pipeline/short_form.hpp"

namespace troupe::runtime {
class Registry;
}

namespace troupe::actors {

/// Adds the type "coordinator", whose parameters are the sections of a job and where it keeps its files.
///
/// It has the data prepared, the model trained, versions evaluated, the best of them chosen, and decides by the gate
/// whether it may be deployed. It decides at fixed step numbers, from named versions (JOB-7). Whatever it must not forget
/// lies in its run folder and in the node's shared memory: it may end at any time.
/// @param readers  who checks the sections
/// @param formats  of the application's own
void add_coordinator_type(runtime::Registry& registry, const SectionReaders& readers,
                          DataFormats formats = {});

}  // namespace troupe::actors
