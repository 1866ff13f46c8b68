#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gpu/cuda/dnn/engines.hpp"
#include "gpu/cuda/dnn/layer_graph.hpp"
#include "gpu/cuda/dnn/plan_cache.hpp"
#include "gpu/cuda/node.hpp"

namespace troupe::gpu::cuda::dnn {

/// A graph's plan with what is needed to execute it. Immutable, and so shared by all layers that are alike.
class Plan {
 public:
  Plan(const LayerGraph& graph, const Candidate& candidate);
  /// From what was stored of one for an equal graph. @throws Error if cuDNN does not take it, here and now.
  Plan(const LayerGraph& graph, const Target& target, const StoredPlan& stored);

  StoredPlan stored() const;
  /// As in "engine 11 (2=15, 13=3), workspace 4096 bytes".
  const std::string& choice() const { return choice_; }
  std::size_t workspace_bytes() const { return workspace_bytes_; }

  /// Enqueues the graph. @param addresses on the device, one for each of LayerGraph::operands, in their order.
  /// @param workspace of workspace_bytes(), at a multiple of 256.
  void execute(cudnnHandle_t handle, StreamHandle stream, std::span<void* const> addresses,
               void* workspace) const;

 private:
  Descriptor plan_;
  std::string choice_;
  std::size_t workspace_bytes_;
  std::vector<std::int64_t> ids_;  ///< of the operands, then of the numbers
  std::vector<float> numbers_;
};

}  // namespace troupe::gpu::cuda::dnn
