#include <algorithm>
#include <numeric>

#include "gpu/nn/layers/built_in.hpp"
#include "gpu/nn/lowering.hpp"

namespace troupe::gpu::nn::layers {
namespace {

/// The same values in another shape; no memory is touched. An image becomes a vector in the order of its
/// memory, [height, width, channels].
class Reshape final : public Layer {
 public:
  explicit Reshape(std::optional<std::vector<std::int64_t>> dims) : dims_{std::move(dims)} {}

  Signature infer(std::string_view name, std::span<const ValueSpec> inputs,
                  Problems& problems) const override {
    if (inputs.size() != 1) {
      problems.add(name, "expected 1 input, got " + std::to_string(inputs.size()));
      return {};
    }
    const std::int64_t elements = inputs[0].shape.elements();
    if (!dims_) return {{Shape{elements}, inputs[0].dtype}, {}, {}};
    std::vector<std::int64_t> dims = *dims_;
    const auto open = std::ranges::find(dims, -1);
    if (open != dims.end()) {
      *open = 1;
      const std::int64_t rest = Shape{dims}.elements();
      *open = rest > 0 ? elements / rest : 0;
    }
    const Shape shape{dims};
    if (shape.elements() != elements) {
      problems.add(name, "expected a shape of " + std::to_string(elements) +
                             " elements for an input of " + to_string(inputs[0].shape) + ", got " +
                             to_string(shape));
      return {};
    }
    return {{shape, inputs[0].dtype}, {}, {}};
  }
  void forward(Lowering&) const override {}
  void backward(Lowering&) const override {}
  bool passes_through(bool) const override { return true; }

 private:
  std::optional<std::vector<std::int64_t>> dims_;
};

/// The sum of its inputs, all of one shape: the residual connection.
class AddLayer final : public Layer {
 public:
  Signature infer(std::string_view name, std::span<const ValueSpec> inputs,
                  Problems& problems) const override {
    if (inputs.size() < 2) {
      problems.add(name, "expected 2 inputs or more, got " + std::to_string(inputs.size()));
      return {};
    }
    if (!expect_inputs(name, inputs, inputs.size(), problems)) return {};
    for (const ValueSpec& input : inputs.subspan(1)) {
      if (input.shape == inputs[0].shape) continue;
      problems.add(name, "expected inputs of one shape, got " + to_string(inputs[0].shape) +
                             " and " + to_string(input.shape));
      return {};
    }
    return {inputs[0], {}, {}};
  }
  void forward(Lowering& to) const override {
    std::vector<BufferId> operands;
    for (std::size_t i = 0; i < to.inputs(); ++i) operands.push_back(to.input(i));
    operands.push_back(to.output());
    to.emit(Add{to.rows() * to.output_spec().shape.elements(), static_cast<int>(to.inputs()),
                to.activation(), to.type()},
            std::span<const BufferId>{operands});
  }
  void backward(Lowering& to) const override {
    const BufferId gradient = to.preactivation_gradient();
    for (std::size_t i = 0; i < to.inputs(); ++i) {
      if (to.wants_input_gradient(i)) to.pass_input_gradient(i, gradient);
    }
  }
  bool fuses(Activation) const override { return true; }
};

/// Its inputs side by side along one axis, by default the last.
class Concat final : public Layer {
 public:
  explicit Concat(AttributeReader& attributes)
      : axis_{static_cast<int>(attributes.integer("axis", -1, -1, Shape::max_rank - 1))} {}

  Signature infer(std::string_view name, std::span<const ValueSpec> inputs,
                  Problems& problems) const override {
    if (inputs.empty() || !expect_inputs(name, inputs, inputs.size(), problems)) {
      if (inputs.empty()) problems.add(name, "expected 1 input or more, got none");
      return {};
    }
    const Shape& first = inputs[0].shape;
    const int axis = axis_of(first);
    if (axis < 0 || axis >= first.rank()) {
      problems.add(name,
                   "expected an axis of " + to_string(first) + ", got " + std::to_string(axis_));
      return {};
    }
    std::vector<std::int64_t> dims{first.dims().begin(), first.dims().end()};
    auto& along = dims[static_cast<std::size_t>(axis)];
    along = 0;
    for (const ValueSpec& input : inputs) {
      bool fits = input.shape.rank() == first.rank();
      for (int i = 0; fits && i < first.rank(); ++i) fits = i == axis || input.shape[i] == first[i];
      if (!fits) {
        problems.add(name, "expected inputs that differ along axis " + std::to_string(axis) +
                               " alone, got " + to_string(first) + " and " +
                               to_string(input.shape));
        return {};
      }
      along += input.shape[axis];
    }
    return {{Shape{dims}, DType::f32}, {}, {}};
  }
  void forward(Lowering& to) const override {
    copy_each(to, [&](std::size_t i, std::int64_t runs, std::int64_t width, std::int64_t at,
                      std::int64_t whole) {
      to.emit(StridedCopy{runs, width, width, whole, 0, at}, {to.input(i), to.output()});
    });
  }
  void backward(Lowering& to) const override {
    const BufferId dy = to.output_gradient();
    copy_each(to, [&](std::size_t i, std::int64_t runs, std::int64_t width, std::int64_t at,
                      std::int64_t whole) {
      if (to.wants_input_gradient(i)) {
        to.emit(StridedCopy{runs, width, whole, width, at, 0}, {dy, to.input_gradient(i)});
      }
    });
  }

 private:
  int axis_of(const Shape& shape) const { return axis_ < 0 ? shape.rank() - 1 : axis_; }

  template <class Copy>
  void copy_each(const Lowering& to, Copy copy) const {
    const Shape& out = to.output_spec().shape;
    const int axis = axis_of(out);
    std::int64_t runs = to.rows(), at = 0;
    auto inner = static_cast<std::int64_t>(size_bytes(to.type()));
    for (int i = 0; i < axis; ++i) runs *= out[i];
    for (int i = axis + 1; i < out.rank(); ++i) inner *= out[i];
    for (std::size_t i = 0; i < to.inputs(); ++i) {
      const std::int64_t width = to.input_spec(i).shape[axis] * inner;
      copy(i, runs, width, at, out[axis] * inner);
      at += width;
    }
  }

  int axis_;
};

/// Any type to f32: value · scale + offset.
class Scale final : public Layer {
 public:
  explicit Scale(AttributeReader& attributes)
      : scale_{static_cast<float>(attributes.number("scale", 1.0, -1e30, 1e30))},
        offset_{static_cast<float>(attributes.number("offset", 0.0, -1e30, 1e30))} {}

  Signature infer(std::string_view name, std::span<const ValueSpec> inputs,
                  Problems& problems) const override {
    if (inputs.size() != 1 || inputs[0].dtype == DType::f64) {
      problems.add(name,
                   "expected 1 input of u8, i32, i64, bf16 or f32, got " +
                       (inputs.size() == 1 ? to_string(inputs[0]) : std::to_string(inputs.size())));
      return {};
    }
    return {{inputs[0].shape, DType::f32}, {}, {}};
  }
  void forward(Lowering& to) const override {
    to.emit(CastScale{from(to), elements(to), scale_, offset_, to.type()},
            {to.input(0), to.output()});
  }
  void backward(Lowering& to) const override {
    if (!to.wants_input_gradient(0)) return;
    to.emit(CastScale{to.type(), elements(to), scale_, 0.0F, to.type()},
            {to.output_gradient(), to.input_gradient(0)});
  }

 private:
  static std::int64_t elements(const Lowering& to) {
    return to.rows() * to.output_spec().shape.elements();
  }
  static DType from(const Lowering& to) {
    const DType type = to.input_spec(0).dtype;
    return type == DType::f32 ? to.type() : type;
  }
  float scale_, offset_;
};

}  // namespace

std::unique_ptr<Layer> make_flatten(AttributeReader&) {
  return std::make_unique<Reshape>(std::nullopt);
}
std::unique_ptr<Layer> make_reshape(AttributeReader& attributes) {
  std::vector<std::int64_t> dims = attributes.dims("shape");
  if (std::ranges::count(dims, -1) > 1 ||
      std::ranges::any_of(dims, [](std::int64_t dim) { return dim < -1 || dim == 0; })) {
    attributes.problem(
        "shape: expected dimensions of 1 or more, and at most one -1 for what is left");
    dims.clear();
  }
  return std::make_unique<Reshape>(std::move(dims));
}
std::unique_ptr<Layer> make_add(AttributeReader&) {
  return std::make_unique<AddLayer>();
}
std::unique_ptr<Layer> make_concat(AttributeReader& attributes) {
  return std::make_unique<Concat>(attributes);
}
std::unique_ptr<Layer> make_scale(AttributeReader& attributes) {
  return std::make_unique<Scale>(attributes);
}

}  // namespace troupe::gpu::nn::layers
