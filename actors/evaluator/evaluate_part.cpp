#include "actors/evaluator/evaluate_part.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "runtime/base/error.hpp"

namespace troupe::actors {

PositionRange part_rows(std::uint64_t rows, std::int64_t batch, std::uint32_t part,
                        std::uint32_t parts) {
  if (part >= parts || batch < 1) {
    throw Error{ErrorCode::bad_input, "evaluation: expected a part below " + std::to_string(parts) +
                                          " and a batch of 1 or more, got " + std::to_string(part) +
                                          " and " + std::to_string(batch)};
  }
  const auto size = static_cast<std::uint64_t>(batch);
  const std::uint64_t batches = rows / size + (rows % size == 0 ? 0 : 1);
  // The first `more` parts have one batch more than the others.
  const std::uint64_t each = batches / parts, more = batches % parts;
  const auto begin = [&](std::uint64_t p) {
    return std::min(rows, (p * each + std::min(p, more)) * size);
  };
  return {begin(part), begin(std::uint64_t{part} + 1)};
}

EvaluationCounts evaluate_part(ModelRunner& runner, RowSource& rows, std::int64_t top_k,
                               std::uint32_t part, std::uint32_t parts,
                               const std::stop_token& stop) {
  const SavedModel& model = runner.model();
  if (rows.size() > std::numeric_limits<std::uint32_t>::max()) {
    throw Error{ErrorCode::bad_input,
                "evaluation: expected fewer than 2^32 rows, got " + std::to_string(rows.size())};
  }
  const PositionRange range = part_rows(rows.size(), runner.rows(), part, parts);
  const auto batch = static_cast<std::uint64_t>(runner.rows());
  const auto outputs = static_cast<std::size_t>(model.outputs());
  EvaluationCounts counts{{model.prepared.classes, top_k, static_cast<std::uint32_t>(rows.size())},
                          static_cast<std::uint32_t>(range.first)};
  std::vector<std::byte> labels(batch * sizeof(std::int32_t));
  for (std::uint64_t first = range.first; first < range.last; first += batch) {
    if (stop.stop_requested())
      throw Error{ErrorCode::disconnected, "evaluation: stopped at row " + std::to_string(first)};
    const std::uint64_t count = std::min(batch, range.last - first);
    rows.rows(first, count, reinterpret_cast<std::byte*>(runner.features().data()), labels.data());
    const std::span<const float> predicted = runner.run(static_cast<std::int64_t>(count));
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::byte* const label = labels.data() + i * sizeof(std::int32_t);
      if (model.prepared.classes > 0) {
        std::int32_t truth = 0;
        std::memcpy(&truth, label, sizeof truth);
        counts.add_class(predicted.subspan(i * outputs, outputs), truth);
      } else {
        float target = 0;
        std::memcpy(&target, label, sizeof target);
        counts.add_value(predicted[i], target);
      }
    }
  }
  return counts;
}

}  // namespace troupe::actors
