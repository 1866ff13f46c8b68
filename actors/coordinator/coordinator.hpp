#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "actors/loader/data_format.hpp"
#include "actors/pipeline/short_form.hpp"

namespace troupe::runtime {
class Context;
class Registry;
}  // namespace troupe::runtime

namespace troupe::actors {

/// Has the version in a checkpoint's folder served: what job `number` of the run has given, 0 the first one. May be called
/// again for the same job, by a coordinator that was started anew: then nothing changes.
using PromoteVersion =
    std::function<void(runtime::Context&, const std::string& checkpoint, std::uint64_t number)>;

/// Adds the type "coordinator", whose parameters are the sections of a job and where it keeps its files.
///
/// It has the data prepared, the model trained, versions evaluated, the best of them chosen, and decides by the gate
/// whether it may be deployed. It decides at fixed step numbers, from named versions (JOB-7). Whatever it must not forget
/// lies in its run folder and in the node's shared memory: it may end at any time.
///
/// When an actor of type `feedback` says that it is time to train again, the next job begins, on the same sections and
/// what is known by then: in RUN/jobs/1, RUN/jobs/2, … (retraining.hpp). Its version is served if it passes the gate and is
/// not worse than the one before.
/// @param readers  who checks the sections
/// @param promote  may be empty: nothing is served
/// @param formats  of the application's own
void add_coordinator_type(runtime::Registry& registry, const SectionReaders& readers,
                          PromoteVersion promote = {}, DataFormats formats = {});

}  // namespace troupe::actors
