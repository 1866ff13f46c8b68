#include "gpu/nn/graph.hpp"

#include <algorithm>
#include <cstring>

#include "runtime/base/error.hpp"
#include "runtime/base/nearest.hpp"

namespace troupe::gpu::nn {

Graph::Graph(const ModelDescription& model, const LayerRegistry& types) {
  Problems problems;
  if (model.inputs.empty()) problems.add_line("model: expected an input, got none");
  if (model.layers.empty()) problems.add_line("model: expected a layer, got none");
  for (const InputDescription& input : model.inputs) {
    if (input.name.empty())
      problems.add_line("model: expected a name for every input, got an empty one");
    if (find_value(input.name))
      problems.add_line("input '" + input.name + "': expected a new name, got one twice");
    if (input.shape.rank() >= Shape::max_rank) {
      problems.add_line("input '" + input.name +
                        "': expected a rank of 5 or less, beside the rows, got " +
                        to_string(input.shape));
    }
    if (input.shape.elements() < 1) {
      problems.add_line("input '" + input.name + "': expected dimensions of 1 or more, got " +
                        to_string(input.shape));
    }
    inputs_.push_back(input);
    values_.push_back({input.shape, input.dtype});
    known_.push_back(input.shape.elements() >= 1);
  }
  for (std::size_t i = 0; i < model.layers.size() && !inputs_.empty(); ++i)
    add_node(model, i, types, problems);
  if (!problems.any()) find_prediction(problems);
  problems.throw_if_any("model");
}

std::optional<Graph::ValueId> Graph::find_value(std::string_view name) const {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i].name == name) return static_cast<ValueId>(i);
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].name == name) return output_of(i);
  }
  return std::nullopt;
}

void Graph::add_node(const ModelDescription& model, std::size_t index, const LayerRegistry& types,
                     Problems& problems) {
  const LayerDescription& layer = model.layers[index];
  Node node;
  node.type = layer.type;
  node.name = layer.name.empty() ? default_name(model, index) : layer.name;
  if (find_value(node.name)) problems.add(node.name, "expected a new name, got one that is taken");

  bool inputs_known = true;
  if (layer.inputs.empty()) {
    node.inputs.push_back(index == 0 ? 0 : output_of(index - 1));
  }
  for (const std::string& name : layer.inputs) {
    if (const auto id = find_value(name)) {
      node.inputs.push_back(*id);
      continue;
    }
    std::vector<std::string_view> names;
    for (const InputDescription& input : inputs_) names.emplace_back(input.name);
    for (const Node& earlier : nodes_) names.emplace_back(earlier.name);
    problems.add(node.name, "expected an input or an earlier layer as its input, got '" + name +
                                "'" + suggestion(name, names));
    inputs_known = false;
  }
  std::vector<ValueSpec> specs;
  for (const ValueId id : node.inputs) {
    specs.push_back(values_[id]);
    inputs_known = inputs_known && known_[id];
  }

  const LayerRegistry::Entry* const type = types.find(layer.type);
  if (type == nullptr) {
    problems.add(node.name,
                 "unknown type '" + layer.type + "'" + suggestion(layer.type, types.types()));
  } else {
    const std::size_t before = problems.count();
    AttributeReader attributes{layer, node.name, problems};
    node.layer = type->make(attributes);
    attributes.finish();
    // What hangs on something unknown is left out, so that each mistake is reported once.
    if (problems.count() > before) inputs_known = false;
  }
  Signature signature;
  bool known = false;
  if (node.layer != nullptr && inputs_known) {
    const std::size_t before = problems.count();
    signature = node.layer->infer(node.name, specs, problems);
    if (signature.output.shape.rank() >= Shape::max_rank) {
      problems.add(node.name, "expected an output of rank 5 or less, beside the rows, got " +
                                  to_string(signature.output.shape));
    }
    known = problems.count() == before;
  }
  if (known) {
    node.statistic = signature.statistic;
    add_parameters(node, static_cast<std::uint32_t>(index), layer, signature, problems);
  }
  values_.push_back(signature.output);
  known_.push_back(known);
  nodes_.push_back(std::move(node));
}

void Graph::add_parameters(Node& node, std::uint32_t index, const LayerDescription& layer,
                           const Signature& signature, Problems& problems) {
  const auto owner = std::ranges::find(nodes_, layer.share, &Node::name);
  if (!layer.share.empty() && owner == nodes_.end()) {
    problems.add(node.name, "share: expected an earlier layer, got '" + layer.share + "'");
    return;
  }
  for (std::size_t i = 0; i < signature.parameters.size(); ++i) {
    const ParameterSpec& spec = signature.parameters[i];
    if (layer.share.empty()) {
      node.parameters.emplace_back(spec.name, parameters_.size());
      parameters_.push_back({node.name + "." + spec.name, spec.shape, spec.initialiser, spec.decay,
                             index, static_cast<std::uint32_t>(i)});
      continue;
    }
    const auto shared = std::ranges::find(owner->parameters, spec.name,
                                          &std::pair<std::string, std::uint32_t>::first);
    if (shared == owner->parameters.end()) {
      problems.add(node.name, "share: expected layer '" + layer.share + "' to have a parameter '" +
                                  spec.name + "'");
    } else if (!(parameters_[shared->second].shape == spec.shape)) {
      problems.add(node.name, "share: expected '" + spec.name + "' of shape " +
                                  to_string(spec.shape) + ", got that of layer '" + layer.share +
                                  "' of shape " + to_string(parameters_[shared->second].shape));
    } else {
      node.parameters.emplace_back(spec.name, shared->second);
    }
  }
}

void Graph::find_prediction(Problems& problems) {
  std::vector<bool> used(values_.size(), false);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    for (const ValueId id : node.inputs) {
      used[id] = true;
      if (id >= inputs_.size() && nodes_[id - inputs_.size()].layer->is_loss()) {
        problems.add(node.name, "expected no loss as its input, got '" +
                                    nodes_[id - inputs_.size()].name + "'");
      }
    }
    if (node.layer->is_loss()) {
      if (i + 1 != nodes_.size())
        problems.add(node.name, "expected the loss to be the last layer, and the only one");
      loss_ = i;
    }
  }
  prediction_ = loss_ ? nodes_[*loss_].inputs[0] : output_of(nodes_.size() - 1);
  for (std::size_t i = 0; i + 1 < nodes_.size(); ++i) {
    if (!used[output_of(i)])
      problems.add(nodes_[i].name, "expected a layer that uses its output, got none");
  }
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (!used[i])
      problems.add_line("input '" + inputs_[i].name + "': expected a layer that uses it, got none");
  }
}

bool Graph::is_target(std::size_t input) const {
  if (!loss_) return false;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const auto& inputs = nodes_[i].inputs;
    const auto first = i == *loss_ ? inputs.begin() + 1 : inputs.begin();  // behind the prediction
    if (i != *loss_ && std::find(first, inputs.end(), input) != inputs.end()) return false;
  }
  return prediction_ != input;
}

StateLayout Graph::layout(const OptimizerSpec& optimizer, std::size_t bucket_bytes) const {
  check(optimizer);
  std::vector<ParameterEntry> entries;
  std::vector<StatisticEntry> statistics;
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    for (const auto& [name, index] : nodes_[i].parameters) {
      const Parameter& parameter = parameters_[index];
      if (parameter.owner == i)
        entries.push_back({parameter.name, parameter.shape, parameter.decay, 0});
    }
    if (nodes_[i].statistic) {
      StatisticEntry entry;
      entry.name = nodes_[i].name;
      entry.channels = nodes_[i].statistic->channels;
      entry.momentum = nodes_[i].statistic->momentum;
      statistics.push_back(entry);
    }
  }
  return make_state_layout(std::move(entries), std::move(statistics), state_names(optimizer),
                           bucket_bytes);
}

void Graph::initialise(const StateLayout& layout, std::uint64_t seed,
                       std::span<std::byte> slot) const {
  if (slot.size() != layout.slot_bytes) {
    throw Error{ErrorCode::bad_input, "version slot: expected " +
                                          std::to_string(layout.slot_bytes) + " bytes, got " +
                                          std::to_string(slot.size())};
  }
  std::memset(slot.data(), 0, slot.size());
  const auto floats = [&](std::size_t offset_bytes, std::int64_t count) {
    return std::span{reinterpret_cast<float*>(slot.data() + offset_bytes),
                     static_cast<std::size_t>(count)};
  };
  for (const ParameterEntry& entry : layout.parameters) {
    const auto parameter = std::ranges::find(parameters_, entry.name, &Parameter::name);
    if (parameter == parameters_.end()) {
      throw Error{ErrorCode::bug,
                  "state layout: parameter '" + entry.name + "' is not of this graph"};
    }
    fill(parameter->initialiser, seed, parameter->owner, parameter->index_in_layer,
         floats(entry.begin * sizeof(float), entry.shape.elements()));
  }
  for (const StatisticEntry& entry : layout.statistics) {
    std::ranges::fill(floats(entry.variance_offset_bytes, entry.channels), 1.0F);
  }
}

}  // namespace troupe::gpu::nn
