#pragma once

#include <memory>
#include <string>

#include "gpu/cuda/memory.hpp"
#include "gpu/cuda/update_tables.hpp"
#include "gpu/device.hpp"

namespace troupe::gpu::cuda {

/// The optimizer's step on the GPU: three launches at most for all parameters, with the bits of the CPU's.
class CudaUpdater final : public Updater {
 public:
  /// @throws Error as UpdateTables does, exhausted.
  CudaUpdater(int device, Memory& memory, const nn::StateLayout& layout,
              const nn::OptimizerSpec& optimizer);

  void prepare(Stream& stream, const UpdateBindings& bindings) override;
  void update(Stream& stream, const UpdateBindings& bindings, std::size_t begin,
              std::size_t end) override;
  std::string not_finite() const override;
  bool stayed_finite() const override;

 private:
  int device_;
  UpdateTables tables_;
  std::shared_ptr<Storage> memory_;  // the tables
  std::shared_ptr<Storage> result_;  // an UpdateResult in host memory, as of the last update
};

}  // namespace troupe::gpu::cuda
