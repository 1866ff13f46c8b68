#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gpu/cuda/dnn/descriptor.hpp"

namespace troupe::gpu::cuda::dnn {

/// What plans are made for: a GPU that is there, or one that is only described, so that it can be known ahead, and
/// without a driver, what cuDNN offers for it.
class Target {
 public:
  /// @param gpu what plans depend on, in words: its name, compute capability, number of multiprocessors. The handle
  /// belongs to the caller and outlives all that is made with this.
  static Target device(cudnnHandle_t handle, std::string gpu);
  /// @param properties JSON as CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION takes it.
  static Target described(std::string_view properties, std::string gpu);

  /// Null where the GPU is only described.
  cudnnHandle_t handle() const { return handle_; }
  const std::string& gpu() const { return gpu_; }

  void apply_to_graph(Descriptor& graph) const;
  void apply_to_heuristics(Descriptor& heuristics) const;
  void apply_to_plan(Descriptor& plan) const;

 private:
  Target(cudnnHandle_t handle, std::optional<Descriptor> properties, std::string gpu);

  cudnnHandle_t handle_;
  std::optional<Descriptor> properties_;
  std::string gpu_;
};

}  // namespace troupe::gpu::cuda::dnn
