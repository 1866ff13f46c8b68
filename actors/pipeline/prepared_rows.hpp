#pragma once

#include "actors/evaluator/row_source.hpp"

namespace troupe::actors {

/// Rows of prepared data, mapped, for whoever evaluates: each transformed as the model's predictions are.
/// @throws Error as PreparedData::open does, and bad_input for a split that there is not, or data of another shape, type
/// or number of classes than the model's.
std::unique_ptr<RowSource> open_prepared_rows(std::shared_ptr<const SavedModel> model,
                                              const std::string& folder, std::string_view split);

}  // namespace troupe::actors
