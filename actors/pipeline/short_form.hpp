#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runtime/parameters.hpp"
#include "runtime/short_form.hpp"

namespace troupe::runtime {
class Registry;
}

namespace troupe::actors {

class SpecReader;
struct SpecProblem;

/// Who reads a section, by the section's name: {"train", read_train}; what it returns is not looked at here, its problems
/// are. A section without one may hold anything. A reader sees the section without the keys that say only how it is run.
using SectionReaders = std::map<std::string, std::function<void(SpecReader&)>>;

/// Checks sections against each other, with what the problems' pointers begin with: "/model/2". Sections that a reader finds
/// at fault are those readers' to tell. Run keys have left them.
using SectionsCheck = std::function<std::vector<SpecProblem>(const runtime::Sections&)>;

/// What the coordinator's type takes of the sections: a structure each, `seed` an integer. `data`, `model` and `train`
/// must be given. All but `deploy` and `feedback` decide the job's bits.
std::vector<runtime::ParameterSchema> section_parameters(const SectionReaders& readers = {});

/// The short form for a training job and what is served of it:
///
///     /job        supervisor: coordinator, loader (group), aggregator, checkpointer, trainer (group), evaluator (group)
///     /serve      supervisor, with a `deploy` section: replica (group), deployer, feedback with its section, and without
///                 a job a publisher
///
/// Run keys leave the sections, so that the coordinator has what decides bits: how many of a group there are and where
/// they run (`data.loaders`, `replicas` and `isolation` of train, evaluate and deploy), and each key that is a run
/// parameter of one of the section's actor types, which goes to those. `train.replicas` may be `auto`, which is the
/// default: one for each of `cores`, or of `gpus` where these compute the job, but no more than `train.shards`. Trainers on
/// GPUs have a process each unless `isolation` is said.
runtime::ShortForm pipeline_short_form(std::uint32_t cores, SectionsCheck check = {},
                                       std::uint32_t gpus = 0);

}  // namespace troupe::actors
