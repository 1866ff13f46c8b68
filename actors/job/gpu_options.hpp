#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/parameters.hpp"

namespace troupe::actors {

/// Which GPU, where a job wants one.
struct GpuOptions {
  int index = 0;           ///< among those that the process sees
  std::string plan_cache;  ///< a folder for built plans; empty: none is kept
};

/// The parameters of an actor that may compute on a GPU, and what they say, of the actor at `path`.
std::vector<runtime::ParameterSchema> gpu_parameters();
GpuOptions gpu_options_of(std::string_view path, const runtime::Parameters& with);

/// How many GPUs this process sees: by the driver's device files and CUDA_VISIBLE_DEVICES, without any use of CUDA, after
/// which a process could not be forked.
unsigned visible_gpus();

/// Which of so many a trainer has by its path, whose last part is its number in its group: round about.
int default_gpu(std::string_view path, unsigned gpus);

/// Where plans are kept unless something else is said: below XDG_CACHE_HOME or ~/.cache; empty: neither is known.
std::string default_plan_cache();

}  // namespace troupe::actors
