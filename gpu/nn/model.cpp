#include "gpu/nn/model.hpp"

#include <algorithm>

namespace troupe::gpu::nn {

std::string ModelBuilder::input(std::string name, const Shape& shape, DType dtype) {
  description_.inputs.push_back({std::move(name), shape, dtype});
  return description_.inputs.back().name;
}

std::string ModelBuilder::add(std::string type, Attributes attributes,
                              std::vector<std::string> inputs, std::string name) {
  description_.layers.push_back(
      {std::move(type), std::move(name), std::move(inputs), std::move(attributes), {}});
  LayerDescription& layer = description_.layers.back();
  if (layer.name.empty()) layer.name = default_name(description_, description_.layers.size() - 1);
  return layer.name;
}

std::string default_name(const ModelDescription& model, std::size_t layer) {
  const std::string& type = model.layers[layer].type;
  const auto end = model.layers.begin() + static_cast<std::ptrdiff_t>(layer) + 1;
  const auto count =
      std::count_if(model.layers.begin(), end, [&](const auto& l) { return l.type == type; });
  return type + "_" + std::to_string(count);
}

}  // namespace troupe::gpu::nn
