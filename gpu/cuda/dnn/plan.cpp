#include "gpu/cuda/dnn/plan.hpp"

#include "runtime/base/error.hpp"

namespace troupe::gpu::cuda::dnn {
namespace {

Descriptor restored(const Target& target, const std::string& json) {
  Descriptor plan{CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR};
  target.apply_to_plan(plan);
  return plan.set_text(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, json).finish();
}

std::size_t workspace_of(const Descriptor& plan) {
  return static_cast<std::size_t>(plan.get<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE));
}

std::vector<std::int64_t> ids_of(const LayerGraph& graph) {
  std::vector<std::int64_t> ids;
  for (const Tensor& tensor : graph.operands) ids.push_back(tensor.id);
  for (const auto& [id, value] : graph.graph.numbers()) ids.push_back(id);
  return ids;
}

std::vector<float> numbers_of(const LayerGraph& graph) {
  std::vector<float> numbers;
  for (const auto& [id, value] : graph.graph.numbers()) numbers.push_back(value);
  return numbers;
}

}  // namespace

Plan::Plan(const LayerGraph& graph, const Candidate& candidate)
    : plan_{candidate.plan},
      choice_{to_string(candidate.config) + ", workspace " +
              std::to_string(candidate.workspace_bytes) + " bytes"},
      workspace_bytes_{workspace_of(plan_)},
      ids_{ids_of(graph)},
      numbers_{numbers_of(graph)} {}

Plan::Plan(const LayerGraph& graph, const Target& target, const StoredPlan& stored)
    : plan_{restored(target, stored.json)},
      choice_{stored.choice},
      workspace_bytes_{workspace_of(plan_)},
      ids_{ids_of(graph)},
      numbers_{numbers_of(graph)} {}

StoredPlan Plan::stored() const {
  return {choice_, plan_.get_text(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION)};
}

void Plan::execute(cudnnHandle_t handle, StreamHandle stream, std::span<void* const> addresses,
                   void* workspace) const {
  if (addresses.size() + numbers_.size() != ids_.size()) {
    throw Error{ErrorCode::bug, "cuda: a plan: expected " +
                                    std::to_string(ids_.size() - numbers_.size()) +
                                    " addresses, got " + std::to_string(addresses.size())};
  }
  std::vector<void*> all{addresses.begin(), addresses.end()};
  for (const float& number : numbers_) all.push_back(const_cast<float*>(&number));
  Descriptor pack{CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR};
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids_)
      .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, all)
      .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace)
      .finish();
  check(cudnnSetStream(handle, stream), "cudnnSetStream");
  const cudnnStatus_t status = cudnnBackendExecute(handle, plan_.raw(), pack.raw());
  if (status != CUDNN_STATUS_SUCCESS)
    fail(status, "cudnnBackendExecute", choice_ + ": " + last_words());
}

}  // namespace troupe::gpu::cuda::dnn
