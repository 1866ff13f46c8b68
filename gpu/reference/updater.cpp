#include "gpu/reference/updater.hpp"

#include "runtime/base/error.hpp"

namespace troupe::gpu::reference {

std::unique_ptr<Updater> make_cpu_updater(const nn::StateLayout&, const nn::OptimizerSpec&) {
  throw Error{ErrorCode::bug, "updater: expected one, got none"};
}

}  // namespace troupe::gpu::reference
