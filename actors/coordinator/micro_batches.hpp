#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "actors/coordinator/prepared_job.hpp"
#include "actors/report/machine_file.hpp"

namespace troupe::actors {

/// `micro_batches: auto` (JOB-2): where a device has no memory for a shard, the job has more and smaller ones, which is settled
/// before step 0, and noted with what the job is computed with (JOB-6).

/// The key of that note.
constexpr const char* shards_fact = "shards";
/// How many it was settled on; none: nothing is noted. @throws Error corrupted for what is no count of the job's.
std::optional<std::uint32_t> settled_shards(const MachineFacts& noted, const TrainSpec& train);

/// The same job with so many shards. @throws Error bad_input if its model does not take shards so small.
PreparedJob with_shards(PreparedJob job, std::uint32_t shards);

/// With the next larger number of shards: at least twice as many, which divide the batch.
/// @param why  these are too large, a line, which begins what is thrown
/// @throws Error exhausted if there are none, or its model does not take them.
PreparedJob with_more_shards(PreparedJob job, const std::string& why);

}  // namespace troupe::actors
