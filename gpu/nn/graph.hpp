#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/nn/layer.hpp"
#include "gpu/nn/model.hpp"
#include "gpu/nn/optimizer.hpp"
#include "gpu/nn/state_layout.hpp"

namespace troupe::gpu::nn {

/// A model checked whole: every shape known, every name resolved. Immutable; copies share the layers.
class Graph {
 public:
  /// A value is an input (numbers 0 … inputs - 1) or what a node puts out (behind them, in order).
  using ValueId = std::uint32_t;

  struct Parameter {
    std::string name;  ///< "LAYER.weight"
    Shape shape;
    Initialiser initialiser;
    bool decay = true;
    std::uint32_t owner = 0;           ///< the node whose it is: the first of those that share it
    std::uint32_t index_in_layer = 0;  ///< with the owner, the key of its initial draws
  };
  struct Node {
    std::string name, type;
    std::shared_ptr<const Layer> layer;
    std::vector<ValueId> inputs;
    std::vector<std::pair<std::string, std::uint32_t>>
        parameters;  ///< name within the layer, index in parameters()
    std::optional<StatisticSpec> statistic;
  };

  /// @throws Error bad_input with all that is wrong, by layer name and shape.
  explicit Graph(const ModelDescription& model,
                 const LayerRegistry& types = LayerRegistry::built_in());

  std::span<const InputDescription> inputs() const { return inputs_; }
  std::span<const Node> nodes() const { return nodes_; }
  std::span<const Parameter> parameters() const { return parameters_; }
  const ValueSpec& value(ValueId id) const { return values_[id]; }
  ValueId output_of(std::size_t node) const { return static_cast<ValueId>(inputs_.size() + node); }
  /// The loss's node, if the model has one; it is the last.
  std::optional<std::size_t> loss() const { return loss_; }
  /// What the model predicts: the loss's first input, else what the last node puts out.
  ValueId prediction() const { return prediction_; }
  /// Whether the input is read by the loss alone, so that a prediction does without it.
  bool is_target(std::size_t input) const;

  /// Where parameters, statistics and optimizer state lie, in the order in which backward completes gradients.
  StateLayout layout(const OptimizerSpec& optimizer, std::size_t bucket_bytes = 4U << 20U) const;

  /// Writes the start of everything into a zeroed slot (JOB-3): parameters by their initialisers, running means
  /// 0, running variances 1, optimizer states 0. @throws Error bad_input if the slot is not of the layout's size.
  void initialise(const StateLayout& layout, std::uint64_t seed, std::span<std::byte> slot) const;

 private:
  void add_node(const ModelDescription& model, std::size_t index, const LayerRegistry& types,
                Problems& problems);
  void add_parameters(Node& node, std::uint32_t index, const LayerDescription& layer,
                      const Signature& signature, Problems& problems);
  void find_prediction(Problems& problems);
  std::optional<ValueId> find_value(std::string_view name) const;

  std::vector<InputDescription> inputs_;
  std::vector<Node> nodes_;
  std::vector<ValueSpec> values_;
  std::vector<bool> known_;  // by value: whether its shape could be inferred
  std::vector<Parameter> parameters_;
  std::optional<std::size_t> loss_;
  ValueId prediction_ = 0;
};

}  // namespace troupe::gpu::nn
