#include "actors/model/model_spec.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "gpu/nn/graph.hpp"
#include "gpu/nn/layer.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/nearest.hpp"
#include "runtime/parameters.hpp"

namespace troupe::actors {
namespace {

using gpu::DType;
using gpu::Shape;
using gpu::nn::Attribute;
using gpu::nn::Attributes;
using gpu::nn::LayerDescription;
using gpu::nn::ModelDescription;
using Json = nlohmann::json;

constexpr int format_version = 1;
// A graph looks names up one by one; far beyond any model that is written down by hand.
constexpr std::size_t most_layers = 4096;

bool is_loss(std::string_view type) {
  constexpr std::array<std::string_view, 3> losses = {"softmax_cross_entropy",
                                                      "binary_cross_entropy", "mean_squared_error"};
  return std::ranges::find(losses, type) != losses.end();
}

/// Whether the prediction is computed from the label.
bool sees_label(const gpu::nn::Graph& graph) {
  const std::size_t first_output = graph.inputs().size();
  std::vector<bool> read(first_output + graph.nodes().size(), false);
  read[graph.prediction()] = true;
  for (std::size_t node = graph.nodes().size(); node-- > 0;) {
    if (!read[graph.output_of(node)]) continue;
    for (const gpu::nn::Graph::ValueId input : graph.nodes()[node].inputs) read[input] = true;
  }
  for (std::size_t i = 0; i < first_output; ++i) {
    if (read[i] && graph.inputs()[i].name == label_input) return true;
  }
  return false;
}

std::string name_of(const ModelDescription& model, std::size_t layer) {
  const std::string& name = model.layers[layer].name;
  return name.empty() ? gpu::nn::default_name(model, layer) : name;
}

/// What a layer without inputs reads.
std::string before(const ModelDescription& model, std::size_t layer) {
  if (layer > 0) return name_of(model, layer - 1);
  return model.inputs.empty() ? std::string{} : model.inputs.front().name;
}

/// The type that a config's text has by its form.
Attribute attribute_of_text(const std::string& text) {
  using runtime::ParameterType;
  for (const ParameterType type :
       {ParameterType::boolean, ParameterType::integer, ParameterType::number}) {
    const auto value = runtime::parse_parameter(type, text);
    if (!value) continue;
    if (const auto* flag = std::get_if<bool>(&*value)) return *flag;
    if (const auto* whole = std::get_if<std::int64_t>(&*value)) return *whole;
    if (const auto* real = std::get_if<double>(&*value)) return *real;
  }
  return text;
}

std::optional<Attribute> attribute_of(const Json& value) {
  const auto scalar = [](const Json& item) {
    return attribute_of_text(item.is_string() ? item.get<std::string>() : item.dump());
  };
  if (value.is_primitive() && !value.is_null()) return scalar(value);
  if (!value.is_array()) return {};
  std::vector<std::int64_t> numbers;
  for (const Json& item : value) {
    if (!item.is_primitive() || item.is_null()) return {};
    const Attribute number = scalar(item);
    if (!std::holds_alternative<std::int64_t>(number)) return {};
    numbers.push_back(std::get<std::int64_t>(number));
  }
  return numbers;
}

LayerDescription read_layer(SpecReader::Named& item) {
  LayerDescription layer;
  layer.type = item.name;
  layer.name = item.with.text("name", "");
  layer.inputs = item.with.texts("inputs");
  layer.share = item.with.text("share", "");
  const Json all = Json::parse(item.with.json());
  for (const std::string& key : item.with.keys()) {
    if (key == "name" || key == "inputs" || key == "share") continue;
    if (auto attribute = attribute_of(all.at(key))) {
      layer.attributes.emplace(key, *std::move(attribute));
    } else {
      item.with.problem(key, "expected a truth value, a number, a text or a list of whole numbers");
    }
  }
  return layer;
}

}  // namespace

ModelDescription read_model(SpecReader& list, const Shape& features, std::int64_t classes) {
  ModelDescription model;
  model.inputs = {{std::string{features_input}, features, DType::f32},
                  {std::string{label_input}, classes > 0 ? Shape{} : Shape{1},
                   classes > 0 ? DType::i32 : DType::f32}};
  std::vector<SpecReader::Named> items = list.named_items();
  if (items.size() > most_layers) {
    list.problem("expected at most " + std::to_string(most_layers) + " layers, got " +
                 std::to_string(items.size()));
    items.clear();
  } else if (items.empty()) {
    list.problem("expected a list of layers, got none");
  }
  for (SpecReader::Named& item : items) model.layers.push_back(read_layer(item));
  if (model.layers.empty()) return model;
  if (!is_loss(model.layers.back().type)) {
    model.layers.emplace_back().type = classes > 0 ? "softmax_cross_entropy" : "mean_squared_error";
  }
  if (model.layers.back().inputs.empty())
    model.layers.back().inputs = {before(model, model.layers.size() - 1), std::string{label_input}};
  return model;
}

namespace {

std::string pointer_to(const ModelDescription& model, std::string_view name,
                       std::string_view pointer) {
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    if (name_of(model, i) == name) return std::string{pointer} + '/' + std::to_string(i);
  }
  return std::string{pointer};
}

/// A graph says all that is wrong, a line each: "layer 'NAME': WHAT", behind a line that counts them.
void add_lines(const Error& error, const ModelDescription& model, std::string_view pointer,
               std::vector<SpecProblem>& problems) {
  std::string_view rest = error.what();
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!line.starts_with("  ")) continue;
    line.remove_prefix(2);
    constexpr std::string_view mark = "layer '";
    const std::size_t close = line.find("': ");
    const bool of_layer = line.starts_with(mark) && close != std::string_view::npos;
    problems.push_back(
        {of_layer ? pointer_to(model, line.substr(mark.size(), close - mark.size()), pointer)
                  : std::string{pointer},
         std::string{line}});
  }
  if (problems.empty()) problems.push_back({std::string{pointer}, error.what()});
}

/// A batch_norm normalises over a shard (JOB-4): of one value nothing would be left.
bool normalises_one_value(const gpu::nn::Graph& graph, const gpu::nn::Graph::Node& node,
                          std::int64_t shard_rows) {
  if (node.type != "batch_norm" || shard_rows == 0) return false;
  const Shape& in = graph.value(node.inputs[0]).shape;
  return shard_rows * (in.elements() / in[in.rank() - 1]) < 2;
}

}  // namespace

std::vector<SpecProblem> check_layers(const ModelDescription& model, std::string_view pointer) {
  const auto types = gpu::nn::LayerRegistry::built_in();
  gpu::nn::Problems found;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const LayerDescription& layer = model.layers[i];
    const auto* const type = types.find(layer.type);
    if (type == nullptr) {
      found.add(name_of(model, i),
                "unknown type '" + layer.type + "'" + suggestion(layer.type, types.types()));
      continue;
    }
    gpu::nn::AttributeReader attributes{layer, name_of(model, i), found};
    type->make(attributes);
    attributes.finish();
  }
  std::vector<SpecProblem> problems;
  try {
    found.throw_if_any("model");
  } catch (const Error& error) {
    add_lines(error, model, pointer, problems);
  }
  return problems;
}

std::vector<SpecProblem> check_model(const ModelDescription& model, std::int64_t classes,
                                     std::string_view pointer, std::int64_t shard_rows) {
  std::vector<SpecProblem> problems;
  const auto at_layer = [&](std::string_view name) { return pointer_to(model, name, pointer); };
  try {
    const gpu::nn::Graph graph{model};
    const Shape& prediction = graph.value(graph.prediction()).shape;
    const std::int64_t expected = classes > 0 ? classes : 1;
    if (!graph.loss()) {
      problems.push_back({std::string{pointer}, "expected a loss as the last layer, got none"});
    } else if (prediction.elements() != expected) {
      problems.push_back({std::string{pointer}, "expected a prediction of " +
                                                    std::to_string(expected) + " values" +
                                                    (classes > 0 ? ", one a class" : "") +
                                                    ", got " + gpu::to_string(prediction)});
    }
    if (sees_label(graph))
      problems.push_back({std::string{pointer},
                          "expected a prediction from the features alone, got "
                          "one that reads the label"});
    for (const gpu::nn::Graph::Node& node : graph.nodes()) {
      if (!normalises_one_value(graph, node, shard_rows)) continue;
      problems.push_back({at_layer(node.name),
                          "expected shards of 2 values a channel or more, got 1: a larger batch or "
                          "fewer shards would do"});
    }
    const std::size_t first_output = graph.inputs().size();
    if (graph.loss() && model.layers.back().type == "softmax_cross_entropy" &&
        graph.prediction() >= first_output &&
        graph.nodes()[graph.prediction() - first_output].type == "softmax") {
      problems.push_back({at_layer(graph.nodes()[graph.prediction() - first_output].name),
                          "expected logits before the loss, which has a softmax of its own; leave "
                          "this layer out"});
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::bad_input) throw;
    add_lines(error, model, pointer, problems);
  }
  return problems;
}

std::string model_json(const ModelDescription& model) {
  Json inputs = Json::array();
  for (const auto& input : model.inputs) {
    inputs.push_back({{"name", input.name},
                      {"shape", std::vector(input.shape.dims().begin(), input.shape.dims().end())},
                      {"dtype", gpu::to_string(input.dtype)}});
  }
  Json layers = Json::array();
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const LayerDescription& layer = model.layers[i];
    Json attributes = Json::object();
    for (const auto& [key, value] : layer.attributes)
      std::visit([&, &name = key](const auto& held) { attributes[name] = held; }, value);
    layers.push_back(
        {{"type", layer.type},
         {"name", name_of(model, i)},
         {"inputs", layer.inputs.empty() ? std::vector{before(model, i)} : layer.inputs},
         {"attributes", std::move(attributes)},
         {"share", layer.share}});
  }
  const Json whole = {
      {"format", format_version}, {"inputs", std::move(inputs)}, {"layers", std::move(layers)}};
  try {
    return whole.dump(1);
  } catch (const Json::exception&) {  // that is all that writing can find wrong
    throw Error{ErrorCode::bad_input, "model as JSON: expected names and texts in UTF-8"};
  }
}

namespace {

[[noreturn]] void refuse(const std::string& where, const std::string& expected) {
  throw Error{ErrorCode::bad_input, "model as JSON: " + where + ": expected " + expected};
}

const Json& member(const Json& of, const char* key, Json::value_t type, const std::string& where) {
  const auto found = of.is_object() ? of.find(key) : of.end();
  if (found == of.end() || found->type() != type)
    refuse(where + "/" + key, std::string{"a value of type "} + Json(type).type_name());
  return *found;
}

std::string text_of(const Json& of, const char* key, const std::string& where) {
  return member(of, key, Json::value_t::string, where).get<std::string>();
}

std::vector<std::int64_t> whole_numbers(const Json& list, const std::string& where) {
  std::vector<std::int64_t> result;
  for (const Json& item : list) {
    if (!item.is_number_integer()) refuse(where, "whole numbers");
    result.push_back(item.get<std::int64_t>());
  }
  return result;
}

Attribute typed_attribute(const Json& value, const std::string& where) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array())
    refuse(where, "a truth value, a number, a text or a list of whole numbers");
  return whole_numbers(value, where);
}

DType dtype_of(const std::string& name, const std::string& where) {
  for (const DType type : {DType::f32, DType::i32}) {
    if (gpu::to_string(type) == name) return type;
  }
  refuse(where, "f32 or i32");
}

}  // namespace

ModelDescription parse_model_json(std::string_view json) {
  using Type = Json::value_t;
  const Json root = Json::parse(json.begin(), json.end(), nullptr, false);
  if (root.is_discarded()) refuse("", "JSON, got something else");
  const auto format = root.is_object() ? root.find("format") : root.end();
  if (format == root.end() || *format != format_version)
    refuse("/format", std::to_string(format_version));
  ModelDescription model;
  for (const Json& item : member(root, "inputs", Type::array, "")) {
    const std::string where = "/inputs/" + std::to_string(model.inputs.size());
    model.inputs.push_back(
        {text_of(item, "name", where),
         Shape{whole_numbers(member(item, "shape", Type::array, where), where + "/shape")},
         dtype_of(text_of(item, "dtype", where), where + "/dtype")});
  }
  const Json& layers = member(root, "layers", Type::array, "");
  if (layers.size() > most_layers)
    refuse("/layers", "at most " + std::to_string(most_layers) + " layers");
  for (const Json& item : layers) {
    const std::string where = "/layers/" + std::to_string(model.layers.size());
    LayerDescription layer;
    layer.type = text_of(item, "type", where);
    layer.name = text_of(item, "name", where);
    layer.share = text_of(item, "share", where);
    for (const Json& input : member(item, "inputs", Type::array, where)) {
      if (!input.is_string()) refuse(where + "/inputs", "names");
      layer.inputs.push_back(input.get<std::string>());
    }
    for (const auto& [key, value] : member(item, "attributes", Type::object, where).items())
      layer.attributes.emplace(key, typed_attribute(value, where + "/attributes/" + key));
    model.layers.push_back(std::move(layer));
  }
  return model;
}

}  // namespace troupe::actors
