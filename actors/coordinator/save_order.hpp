#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/base/file.hpp"
#include "serialization/frame.hpp"
#include "serialization/manifest.hpp"

namespace troupe::actors {

struct TrainingOptions;

/// What the checkpointer is asked to save, a wire::SaveVersion.
/// @param record  what the checkpoint says
/// @param needed  the steps whose checkpoints must stay when older ones go; none: all stay
serialization::Frame save_order(const TrainingOptions& options, std::uint64_t version,
                                const serialization::TrainingRecord& record,
                                const std::optional<std::vector<std::uint64_t>>& needed);

/// The steps whose checkpoints must stay, with those that may be served again. None, so that all stay, where that cannot be
/// known.
std::optional<std::vector<std::uint64_t>> still_needed(
    FileSystem& files, const TrainingOptions& options,
    std::optional<std::vector<std::uint64_t>> needed);

}  // namespace troupe::actors
