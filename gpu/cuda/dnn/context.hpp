#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gpu/cuda/dnn/engines.hpp"
#include "gpu/cuda/dnn/layer_graph.hpp"
#include "gpu/cuda/dnn/plan.hpp"
#include "gpu/cuda/dnn/plan_cache.hpp"
#include "gpu/cuda/dnn/target.hpp"

namespace troupe::gpu::cuda::dnn {

/// What the nodes of one device share: its handle, and each plan once. Outlives the nodes; used by one thread at a time.
class Context {
 public:
  /// @param cache null: plans are not kept between programs. It outlives the context.
  Context(Target target, const EngineOptions& options, PlanCache* cache);

  /// The plan of a graph: one that was made before, else one from the cache, else a new one.
  /// @param layer the operation with its shape. @throws Error unsupported, with it, where cuDNN has no engine.
  std::shared_ptr<const Plan> plan(const LayerGraph& graph, const std::string& layer);
  /// The same, or null where there is no engine.
  std::shared_ptr<const Plan> find_plan(const LayerGraph& graph, const std::string& layer);

  /// All that the plan of a graph depends on.
  std::string key_of(const LayerGraph& graph) const;

  const Target& target() const { return target_; }
  const EngineOptions& options() const { return options_; }
  /// What was chosen for each layer so far (JOB-6): (the operation with its shape, engine and workspace), sorted.
  std::vector<std::pair<std::string, std::string>> choices() const;

 private:
  std::shared_ptr<const Plan> from_cache(const LayerGraph& graph, const std::string& key) const;

  Target target_;
  EngineOptions options_;
  PlanCache* cache_;
  std::map<std::string, std::shared_ptr<const Plan>> plans_;  ///< by key
  std::map<std::string, std::string> choices_;                ///< by layer
};

}  // namespace troupe::gpu::cuda::dnn
