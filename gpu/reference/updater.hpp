#pragma once

#include <memory>

#include "gpu/device.hpp"

namespace troupe::gpu::reference {

std::unique_ptr<Updater> make_cpu_updater(const nn::StateLayout& layout,
                                          const nn::OptimizerSpec& optimizer);

}  // namespace troupe::gpu::reference
