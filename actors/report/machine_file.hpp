#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/base/file.hpp"
#include "serialization/manifest.hpp"
#include "serialization/xxh3.hpp"

namespace troupe::actors {

/// What a job's bits depend on beside the job (JOB-6): instruction set, kernels, libraries, and under "probe" what the
/// machine makes of the job in small.
using MachineFacts = std::vector<serialization::TrainingRecord::Fact>;

/// The key of the probe.
constexpr const char* probe_fact = "probe";
/// What stands under it; none: nothing does. @throws Error bad_input if that is no hash.
std::optional<serialization::Xxh3Digest> probe_in(const MachineFacts& facts);

MachineFacts with_probe(MachineFacts facts, const serialization::Xxh3Digest& probe);

/// As `machine.json` of a run's folder keeps them, and how many processors there are, for people.
std::string machine_json(const MachineFacts& facts);
/// The facts in such a file; none if there is no file. @throws Error corrupted, naming it, if it holds something else.
MachineFacts read_machine(FileSystem& files, const std::string& path);
/// What differs, as "cpu.isa avx2, here avx512; probe …, here …"; empty: nothing. A probe counts where both have one.
std::string machine_difference(const MachineFacts& was, const MachineFacts& is);

/// Goes before what a checkpoint tells of machines that took over: "new_machine.1", … Compared by nobody.
constexpr const char* new_machine_fact = "new_machine.";

}  // namespace troupe::actors
