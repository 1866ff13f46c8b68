#pragma once

#include <cstdint>
#include <stop_token>

#include "actors/evaluator/metrics.hpp"
#include "actors/evaluator/row_source.hpp"
#include "actors/model/model_runner.hpp"
#include "runtime/base/positions.hpp"

namespace troupe::actors {

/// The rows of one part: whole batches, so that a row lies at the same place of the same batch however many parts there
/// are (JOB-7). @throws Error bad_input for part >= parts or batch < 1.
PositionRange part_rows(std::uint64_t rows, std::int64_t batch, std::uint32_t part,
                        std::uint32_t parts);

/// Counts over one part of the rows, in batches of `runner.rows()`, the tail padded with rows that do not count. A pure
/// function of version, rows, batch and part.
/// @throws Error bad_input for labels that do not fit the model or 2^32 rows and more; as `rows` does; disconnected once
/// `stop` is asked for.
EvaluationCounts evaluate_part(ModelRunner& runner, RowSource& rows, std::int64_t top_k,
                               std::uint32_t part, std::uint32_t parts,
                               const std::stop_token& stop = {});

}  // namespace troupe::actors
