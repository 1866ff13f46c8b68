#include "tests/reference/optimizers.hpp"

#include "gpu/cpu_device.hpp"
#include "tests/reference/check_optimizers.hpp"

using namespace troupe;

TEST_CASE("Updater: agrees with the double-precision optimizers over many steps") {
  test::reference::check_optimizers(*gpu::make_cpu_device());
}
