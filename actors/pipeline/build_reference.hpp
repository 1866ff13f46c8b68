#pragma once

#include <cstddef>
#include <string>

namespace troupe::actors {

/// What the training data of a version looks like, and what the version predicts on it: the drift reference that goes
/// with the version when it is deployed (wire::NewReference). Of many records a fixed selection counts: at most `most`,
/// evenly spaced. Takes long: belongs on an executor.
///
/// @param prepared    the folder of the prepared data
/// @param checkpoint  the version's folder
/// @param groups      of features (feedback's `groups`)
/// @return DriftReference::json()
/// @throws Error as PreparedData::open(), Predictor::load() and ReferenceBuilder do; bad_input for data of another
/// shape or type than the model's.
std::string build_reference(const std::string& prepared, const std::string& checkpoint,
                            std::size_t groups, std::size_t most = 20'000);

}  // namespace troupe::actors
