#include "gpu/nn/layer.hpp"

#include <algorithm>
#include <array>

#include "gpu/nn/layers/built_in.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/nearest.hpp"

namespace troupe::gpu::nn {

std::string to_string(const ValueSpec& value) {
  return std::string{to_string(value.dtype)} + to_string(value.shape);
}

void Problems::throw_if_any(const std::string& what) const {
  if (lines_.empty()) return;
  std::string text =
      what + ": " + std::to_string(lines_.size()) + (lines_.size() == 1 ? " problem" : " problems");
  for (const std::string& line : lines_) text += "\n  " + line;
  throw Error{ErrorCode::bad_input, text};
}

const Attribute* AttributeReader::find(std::string_view key) {
  known_.emplace_back(key);
  const auto found = layer_.attributes.find(key);
  return found == layer_.attributes.end() ? nullptr : &found->second;
}

bool AttributeReader::has(std::string_view key) const {
  return layer_.attributes.find(key) != layer_.attributes.end();
}

std::int64_t AttributeReader::integer(std::string_view key, std::optional<std::int64_t> fallback,
                                      std::int64_t low, std::int64_t high) {
  const Attribute* const value = find(key);
  const std::string name{key};
  if (value == nullptr) {
    if (!fallback) problem("expected an attribute '" + name + "', got none");
    return fallback.value_or(low);
  }
  const auto* const number = std::get_if<std::int64_t>(value);
  if (number == nullptr || *number < low || *number > high) {
    problem(name + ": expected a whole number from " + std::to_string(low) + " to " +
            std::to_string(high) +
            (number ? ", got " + std::to_string(*number) : ", got another type"));
    return low;
  }
  return *number;
}

double AttributeReader::number(std::string_view key, double fallback, double low, double high) {
  const Attribute* const value = find(key);
  if (value == nullptr) return fallback;
  const auto* const real = std::get_if<double>(value);
  const auto* const whole = std::get_if<std::int64_t>(value);
  const double number = real ? *real : whole ? static_cast<double>(*whole) : 0.0;
  if ((!real && !whole) || !(number >= low && number <= high)) {
    problem(std::string{key} + ": expected a number from " + std::to_string(low) + " to " +
            std::to_string(high) +
            (real || whole ? ", got " + std::to_string(number) : ", got another type"));
    return fallback;
  }
  return number;
}

bool AttributeReader::flag(std::string_view key, bool fallback) {
  const Attribute* const value = find(key);
  if (value == nullptr) return fallback;
  if (const auto* const set = std::get_if<bool>(value)) return *set;
  problem(std::string{key} + ": expected true or false, got another type");
  return fallback;
}

std::size_t AttributeReader::choice(std::string_view key,
                                    std::span<const std::string_view> allowed) {
  const Attribute* const value = find(key);
  if (value == nullptr) return 0;
  const auto* const word = std::get_if<std::string>(value);
  const auto found = word ? std::ranges::find(allowed, *word) : allowed.end();
  if (found != allowed.end()) return static_cast<std::size_t>(found - allowed.begin());
  std::string words;
  for (const std::string_view each : allowed)
    words += (words.empty() ? "" : ", ") + std::string{each};
  problem(std::string{key} + ": expected one of " + words + ", got " +
          (word ? "'" + *word + "'" + suggestion(*word, allowed) : "another type"));
  return 0;
}

std::vector<std::int64_t> AttributeReader::dims(std::string_view key) {
  const Attribute* const value = find(key);
  if (value == nullptr) return {};
  if (const auto* const one = std::get_if<std::int64_t>(value)) return {*one};
  if (const auto* const all = std::get_if<std::vector<std::int64_t>>(value)) return *all;
  problem(std::string{key} + ": expected whole numbers, got another type");
  return {};
}

std::vector<std::int64_t> AttributeReader::list(std::string_view key, std::size_t count,
                                                std::int64_t low) {
  if (!has(key)) {
    find(key);
    return {};
  }
  std::vector<std::int64_t> values = dims(key);
  if (values.size() == 1) values.resize(count, values[0]);
  if (values.size() != count ||
      std::ranges::any_of(values, [&](std::int64_t n) { return n < low || n > (1 << 20); })) {
    problem(std::string{key} + ": expected " + std::to_string(count) + " whole numbers from " +
            std::to_string(low) + " to 1048576, or one for all");
    values.assign(count, low);
  }
  return values;
}

void AttributeReader::finish() {
  const std::vector<std::string_view> known{known_.begin(), known_.end()};
  for (const auto& [key, value] : layer_.attributes) {
    if (std::ranges::find(known, key) == known.end()) {
      problem("unknown attribute '" + key + "'" + suggestion(key, known));
    }
  }
}

LayerRegistry LayerRegistry::built_in() {
  LayerRegistry registry;
  registry.entries_ = {
      {"dense", layers::make_dense},
      {"conv2d", layers::make_conv2d},
      {"max_pool", layers::make_max_pool},
      {"average_pool", layers::make_average_pool},
      {"global_max_pool", layers::make_global_max_pool},
      {"global_average_pool", layers::make_global_average_pool},
      {"batch_norm", layers::make_batch_norm},
      {"layer_norm", layers::make_layer_norm},
      {"relu", layers::make_relu},
      {"gelu", layers::make_gelu},
      {"silu", layers::make_silu},
      {"sigmoid", layers::make_sigmoid},
      {"tanh", layers::make_tanh},
      {"softmax", layers::make_softmax},
      {"dropout", layers::make_dropout},
      {"flatten", layers::make_flatten},
      {"reshape", layers::make_reshape},
      {"add", layers::make_add},
      {"concat", layers::make_concat},
      {"scale", layers::make_scale},
      {"softmax_cross_entropy", layers::make_softmax_cross_entropy},
      {"binary_cross_entropy", layers::make_binary_cross_entropy},
      {"mean_squared_error", layers::make_mean_squared_error},
  };
  return registry;
}

void LayerRegistry::add(std::string type, Factory make) {
  if (find(type) != nullptr) {
    throw Error{ErrorCode::bad_input,
                "layer types: expected a new name, got '" + type + "', which is taken"};
  }
  entries_.push_back({std::move(type), make});
}

const LayerRegistry::Entry* LayerRegistry::find(std::string_view type) const {
  const auto found = std::ranges::find(entries_, type, &Entry::type);
  return found == entries_.end() ? nullptr : &*found;
}

std::vector<std::string_view> LayerRegistry::types() const {
  std::vector<std::string_view> types;
  for (const Entry& entry : entries_) types.emplace_back(entry.type);
  return types;
}

Initialiser read_initialiser(AttributeReader& attributes, std::string_view prefix,
                             Initialiser::Kind fallback) {
  using Kind = Initialiser::Kind;
  static constexpr std::array<std::string_view, 9> names = {
      "default",        "zeros",         "constant",   "normal",   "uniform",
      "xavier_uniform", "xavier_normal", "he_uniform", "he_normal"};
  static constexpr std::array kinds = {Kind::constant,      Kind::constant,   Kind::constant,
                                       Kind::normal,        Kind::uniform,    Kind::xavier_uniform,
                                       Kind::xavier_normal, Kind::he_uniform, Kind::he_normal};
  const std::size_t choice = attributes.choice(prefix, names);
  Initialiser initialiser{choice == 0 ? fallback : kinds[choice]};
  const std::string key{prefix};
  constexpr double wide = 1e30;
  if (names[choice] == "constant")
    initialiser.a = attributes.number(key + "_value", 0.0, -wide, wide);
  if (names[choice] == "normal") {
    initialiser.a = attributes.number(key + "_mean", 0.0, -wide, wide);
    initialiser.b = attributes.number(key + "_deviation", 0.01, 0.0, wide);
  }
  if (names[choice] == "uniform") {
    initialiser.a = attributes.number(key + "_low", -0.01, -wide, wide);
    initialiser.b = attributes.number(key + "_high", 0.01, initialiser.a, wide);
  }
  return initialiser;
}

namespace layers {

bool expect_inputs(std::string_view name, std::span<const ValueSpec> inputs, std::size_t count,
                   Problems& problems) {
  if (inputs.size() != count) {
    problems.add(name, "expected " + std::to_string(count) + (count == 1 ? " input" : " inputs") +
                           ", got " + std::to_string(inputs.size()));
    return false;
  }
  for (const ValueSpec& input : inputs) {
    if (input.dtype == DType::f32) continue;
    problems.add(name, "expected f32, got " + to_string(input) + " (a 'scale' layer casts)");
    return false;
  }
  return true;
}

}  // namespace layers
}  // namespace troupe::gpu::nn
