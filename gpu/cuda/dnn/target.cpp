#include "gpu/cuda/dnn/target.hpp"

#include <utility>
#include <vector>

namespace troupe::gpu::cuda::dnn {

Target::Target(cudnnHandle_t handle, std::optional<Descriptor> properties, std::string gpu)
    : handle_{handle}, properties_{std::move(properties)}, gpu_{std::move(gpu)} {}

Target Target::device(cudnnHandle_t handle, std::string gpu) {
  return {handle, std::nullopt, std::move(gpu)};
}

Target Target::described(std::string_view properties, std::string gpu) {
  Descriptor descriptor{CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR};
  descriptor.set_text(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, properties).finish();
  return {nullptr, descriptor, std::move(gpu)};
}

// With a device its handle alone is set, as all of cuDNN 9 takes it.
void Target::apply_to_graph(Descriptor& graph) const {
  if (handle_ != nullptr) graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle_);
}

void Target::apply_to_heuristics(Descriptor& heuristics) const {
  if (properties_) heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *properties_);
}

void Target::apply_to_plan(Descriptor& plan) const {
  if (handle_ != nullptr) plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, handle_);
  if (properties_) plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, *properties_);
}

}  // namespace troupe::gpu::cuda::dnn
