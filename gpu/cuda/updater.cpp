#include "gpu/cuda/updater.hpp"

#include <cstring>
#include <vector>

#include "gpu/cuda/status.hpp"
#include "gpu/cuda/stream.hpp"

namespace troupe::gpu::cuda {

CudaUpdater::CudaUpdater(int device, Memory& memory, const nn::StateLayout& layout,
                         const nn::OptimizerSpec& optimizer)
    : device_{device},
      tables_{layout, optimizer},
      memory_{memory.allocate(tables_.bytes(), "the tables of an optimizer")},
      result_{memory.allocate_pinned(sizeof(UpdateResult), "what an update gave")} {
  const std::vector<std::byte> contents = tables_.contents();
  check(cudaMemcpy(memory_->data(), contents.data(), contents.size(), cudaMemcpyHostToDevice),
        "cudaMemcpy");
  const UpdateResult before;
  std::memcpy(result_->data(), &before, sizeof before);
}

void CudaUpdater::prepare(Stream& stream, const UpdateBindings& bindings) {
  check(cudaSetDevice(device_), "cudaSetDevice");
  tables_.prepare(static_cast<CudaStream&>(stream).handle(), memory_->data(), bindings);
}

void CudaUpdater::update(Stream& stream, const UpdateBindings& bindings, std::size_t begin,
                         std::size_t end) {
  check(cudaSetDevice(device_), "cudaSetDevice");
  tables_.update(static_cast<CudaStream&>(stream).handle(), memory_->data(), bindings, begin, end);
  stream.copy(result_->data(), memory_->data() + tables_.result_offset_bytes(),
              sizeof(UpdateResult));
}

std::string CudaUpdater::not_finite() const {
  return tables_.not_finite(*reinterpret_cast<const UpdateResult*>(result_->data()));
}

bool CudaUpdater::stayed_finite() const {
  return UpdateTables::stayed_finite(*reinterpret_cast<const UpdateResult*>(result_->data()));
}

}  // namespace troupe::gpu::cuda
