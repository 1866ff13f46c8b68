#pragma once

#include "gpu/cuda/dnn/target.hpp"

namespace troupe::test::cuda {

/// An H200 as h200.json describes it; no GPU is needed. The file was written by hand from the data sheet.
gpu::cuda::dnn::Target h200();

/// Whether cuDNN can speak of engines that are compiled at run time. They ask for the driver's library: where there is
/// no driver, the toolkit's stub will do, as long as no plan is built. Loads it.
bool has_driver_or_stub();

}  // namespace troupe::test::cuda
