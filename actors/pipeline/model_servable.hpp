#pragma once

#include <memory>
#include <string>

#include "actors/deployer/servable.hpp"

namespace troupe::actors {

/// A checkpoint as the deployer serves it: the input "features", raw samples in the type that they were prepared in
/// (UINT8 or FP32), and the output "probabilities" by class, or "values".
/// @throws Error as load_model() does.
std::unique_ptr<Servable> load_model_servable(const std::string& folder);

}  // namespace troupe::actors
