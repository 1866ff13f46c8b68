#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/dtype.hpp"
#include "gpu/nn/initialiser.hpp"
#include "gpu/nn/model.hpp"
#include "gpu/operation.hpp"
#include "gpu/shape.hpp"

namespace troupe::gpu::nn {

class Lowering;

/// What flows between layers: one sample's shape. A batch has one more, outermost dimension.
struct ValueSpec {
  Shape shape;
  DType dtype = DType::f32;
};
std::string to_string(const ValueSpec& value);

struct ParameterSpec {
  std::string name;  ///< within the layer: "weight"
  Shape shape;
  Initialiser initialiser;
  bool decay = true;  ///< whether weight decay applies
};

/// Running mean and variance that a layer keeps (JOB-4).
struct StatisticSpec {
  std::int64_t channels = 0;
  double momentum = 0.1;
};

struct Signature {
  ValueSpec output;
  std::vector<ParameterSpec> parameters;
  std::optional<StatisticSpec> statistic;
};

/// All that is wrong with a model, collected so that it is reported at once.
class Problems {
 public:
  void add(std::string_view layer, const std::string& what) {
    lines_.push_back("layer '" + std::string{layer} + "': " + what);
  }
  void add_line(std::string line) { lines_.push_back(std::move(line)); }
  std::size_t count() const { return lines_.size(); }
  bool any() const { return !lines_.empty(); }
  /// @throws Error bad_input with every line, if there is one.
  void throw_if_any(const std::string& what) const;

 private:
  std::vector<std::string> lines_;
};

/// A kind of layer with its attributes: pure, immutable, shared by plans. It says what it makes of its inputs,
/// and writes itself down as operations.
class Layer {
 public:
  virtual ~Layer() = default;

  /// What it makes of `inputs`; adds to `problems`, under `name`, what does not fit. What it returns then is
  /// not used.
  virtual Signature infer(std::string_view name, std::span<const ValueSpec> inputs,
                          Problems& problems) const = 0;
  virtual void forward(Lowering& to) const = 0;
  /// Called once after all that uses the output, in training only.
  virtual void backward(Lowering& to) const = 0;

  /// Set for a layer that is an elementwise activation and nothing else.
  virtual Activation activation() const { return Activation::none; }
  /// Whether the layer can apply `activation` to its own output.
  virtual bool fuses(Activation) const { return false; }
  /// Whether the output is the first input's memory, at most seen in another shape; such a layer is not lowered.
  virtual bool passes_through(bool /*training*/) const { return false; }
  /// Whether the layer ends the graph with a loss; it writes its input's gradient in `forward`.
  virtual bool is_loss() const { return false; }
  /// Whether a gradient flows to input `i`, if that input wants one.
  virtual bool differentiates(std::size_t) const { return true; }
};

/// Reads a layer's attributes; what is missing, of another type, out of range or unknown becomes a problem.
class AttributeReader {
 public:
  AttributeReader(const LayerDescription& layer, std::string name, Problems& problems)
      : layer_{layer}, name_{std::move(name)}, problems_{problems} {}

  std::int64_t integer(std::string_view key, std::optional<std::int64_t> fallback, std::int64_t low,
                       std::int64_t high = std::int64_t{1} << 40);
  double number(std::string_view key, double fallback, double low, double high);
  bool flag(std::string_view key, bool fallback);
  /// One of `allowed`, by index; the first is the default.
  std::size_t choice(std::string_view key, std::span<const std::string_view> allowed);
  /// As many whole numbers from `low` to 2^20 as `count`; one number stands for all of them. Empty where the key is
  /// absent.
  std::vector<std::int64_t> list(std::string_view key, std::size_t count, std::int64_t low);
  std::vector<std::int64_t> dims(std::string_view key);
  bool has(std::string_view key) const;
  void problem(const std::string& what) { problems_.add(name_, what); }

  /// Reports the keys that nobody asked for, each with the nearest known one.
  void finish();

 private:
  const Attribute* find(std::string_view key);

  const LayerDescription& layer_;
  std::string name_;
  Problems& problems_;
  std::vector<std::string> known_;
};

/// Layer types by name. A value: applications copy the built-in one and add their own types.
class LayerRegistry {
 public:
  using Factory = std::unique_ptr<Layer> (*)(AttributeReader& attributes);
  struct Entry {
    std::string type;
    Factory make;
  };

  static LayerRegistry built_in();
  /// @throws Error bad_input if the type is there already.
  void add(std::string type, Factory make);
  const Entry* find(std::string_view type) const;
  std::vector<std::string_view> types() const;

 private:
  std::vector<Entry> entries_;
};

/// "weights", "bias_init" and such: kind by name, with its numbers beside it (PREFIX_value, PREFIX_deviation,
/// PREFIX_low, PREFIX_high).
Initialiser read_initialiser(AttributeReader& attributes, std::string_view prefix,
                             Initialiser::Kind fallback);

}  // namespace troupe::gpu::nn
