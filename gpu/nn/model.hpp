#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "gpu/dtype.hpp"
#include "gpu/shape.hpp"

/// A model as data: what C++ code builds, what a config file will hold, and what is stored beside weights.
namespace troupe::gpu::nn {

using Attribute = std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>>;
using Attributes = std::map<std::string, Attribute, std::less<>>;

struct InputDescription {
  std::string name;
  Shape shape;  ///< of one sample
  DType dtype = DType::f32;
};

struct LayerDescription {
  std::string type;  ///< as registered: "dense", "conv2d", …
  std::string name;  ///< empty: the type and a number, as in "dense_2"
  std::vector<std::string>
      inputs;  ///< names of inputs and layers; empty: the layer before, or the first input
  Attributes attributes;
  std::string share;  ///< use the parameters of this earlier layer; empty: own ones
};

struct ModelDescription {
  std::vector<InputDescription> inputs;
  std::vector<LayerDescription> layers;
};

/// Puts a description together: each call adds an input or a layer and returns its name, so that layers can be
/// wired by name; a layer without `inputs` follows the one before.
class ModelBuilder {
 public:
  std::string input(std::string name, const Shape& shape, DType dtype = DType::f32);
  std::string add(std::string type, Attributes attributes = {},
                  std::vector<std::string> inputs = {}, std::string name = {});
  /// The last layer uses the parameters of `layer`.
  void share(std::string layer) { description_.layers.back().share = std::move(layer); }
  const ModelDescription& description() const { return description_; }

 private:
  ModelDescription description_;
};

/// The name that a layer without one gets: the count of layers of its type up to and with it.
std::string default_name(const ModelDescription& model, std::size_t layer);

}  // namespace troupe::gpu::nn
