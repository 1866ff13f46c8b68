#pragma once

#include <optional>
#include <string>

#include "actors/trainer/resident_job.hpp"
#include "runtime/base/file.hpp"

namespace troupe::actors {

/// Puts the training records of prepared data on a device, for batches that are those of a loader.
/// @param why_not  a line, where nothing is returned: the device makes no such batches, has no room for the records, or they
///                 cannot be read here
/// @throws Error where the device has failed.
std::optional<DeviceData> put_on_device(FileSystem& files, const std::string& folder,
                                        const TrainingJob& job, gpu::Device& device,
                                        std::string& why_not);

}  // namespace troupe::actors
