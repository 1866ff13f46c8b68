#include "gpu/device.hpp"
#include "tests/gpu/cuda/test_device.hpp"
#include "tests/reference/check_optimizers.hpp"

using namespace troupe;

TEST_CASE("CudaUpdater: agrees with the double-precision optimizers, with the CPU's bits") {
  test::reference::check_optimizers(*test::cuda::make_test_device());
}
