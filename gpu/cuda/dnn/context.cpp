#include "gpu/cuda/dnn/context.hpp"

#include "runtime/base/error.hpp"

namespace troupe::gpu::cuda::dnn {

Context::Context(Target target, const EngineOptions& options, PlanCache* cache)
    : target_{std::move(target)}, options_{options}, cache_{cache} {}

std::string Context::key_of(const LayerGraph& graph) const {
  return "gpu " + target_.gpu() + "\ncudnn " + std::to_string(cudnnGetVersion()) + "\nproducts " +
         std::to_string(static_cast<int>(graph.products)) + " deterministic " +
         std::to_string(options_.deterministic) + " tf32 " + std::to_string(options_.tf32) +
         " workspace " + std::to_string(options_.workspace_limit_bytes) + "\n" +
         graph.graph.descriptor().text();
}

std::shared_ptr<const Plan> Context::from_cache(const LayerGraph& graph,
                                                const std::string& key) const {
  if (cache_ == nullptr) return nullptr;
  const auto stored = cache_->find(key);
  if (!stored) return nullptr;
  try {
    return std::make_shared<Plan>(graph, target_, *stored);
  } catch (const Error&) {
    return nullptr;  // cuDNN does not know its own file again, perhaps for another driver: it is replaced
  }
}

std::shared_ptr<const Plan> Context::plan(const LayerGraph& graph, const std::string& layer) {
  const std::string key = key_of(graph);
  std::shared_ptr<const Plan>& plan = plans_[key];
  if (!plan) plan = from_cache(graph, key);
  if (!plan) {
    Descriptor descriptor = graph.graph.descriptor();
    target_.apply_to_graph(descriptor);
    if (const cudnnStatus_t status = descriptor.try_finish(); status != CUDNN_STATUS_SUCCESS)
      fail(status, "cudnnBackendFinalize of a graph", layer + ": " + last_words());
    plan = std::make_shared<Plan>(
        graph, candidates(target_, descriptor, graph.products, options_, layer).front());
    if (cache_ != nullptr) cache_->store(key, plan->stored());
  }
  choices_[layer] = plan->choice();
  return plan;
}

std::shared_ptr<const Plan> Context::find_plan(const LayerGraph& graph, const std::string& layer) {
  try {
    return plan(graph, layer);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported) throw;
    return nullptr;
  }
}

std::vector<std::pair<std::string, std::string>> Context::choices() const {
  return {choices_.begin(), choices_.end()};
}

}  // namespace troupe::gpu::cuda::dnn
