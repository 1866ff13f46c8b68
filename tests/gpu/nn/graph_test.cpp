#include "gpu/nn/graph.hpp"

#include <set>
#include <string>

#include "gpu/nn/models.hpp"
#include "runtime/base/error.hpp"

using namespace troupe;
using namespace troupe::gpu;
using namespace troupe::gpu::nn;

namespace {

std::string problems_of(const ModelDescription& model) {
  try {
    Graph graph{model};
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::bad_input);
    return error.what();
  }
  return "";
}

const Shape& shape_of(const Graph& graph, const std::string& name) {
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    if (graph.nodes()[i].name == name) return graph.value(graph.output_of(i)).shape;
  }
  throw std::out_of_range{name};
}

}  // namespace

TEST_CASE("Graph: infers the shapes of a convolutional network") {
  const Graph graph{cnn(Shape{28, 28, 1}, 10)};
  CHECK(shape_of(graph, "conv2d_1") == Shape{28, 28, 32});
  CHECK(shape_of(graph, "max_pool_2") == Shape{7, 7, 64});
  CHECK(shape_of(graph, "flatten_1") == Shape{3136});
  CHECK(graph.value(graph.prediction()).shape == Shape{10});
  CHECK(graph.is_target(1));
  CHECK_FALSE(graph.is_target(0));
  std::int64_t elements = 0;
  for (const auto& parameter : graph.parameters()) elements += parameter.shape.elements();
  CHECK(elements == 320 + 18496 + 401536 + 1290);
}

TEST_CASE("Graph: resnet20 has the parameters of the paper, and its projections") {
  const Graph graph{resnet20(10)};
  std::int64_t elements = 0;
  for (const auto& parameter : graph.parameters()) elements += parameter.shape.elements();
  // 3·16·9, six 16·16·9, 16·32·9, five 32·32·9, 32·64·9, five 64·64·9, two projections, 21 norms, the dense layer
  CHECK(elements == 432 + 6 * 2304 + 4608 + 5 * 9216 + 18432 + 5 * 36864 + 512 + 2048 +
                        2 * (7 * 16 + 7 * 32 + 7 * 64) + 650);
  CHECK(shape_of(graph, "add_9") == Shape{8, 8, 64});
}

TEST_CASE("Graph: resnet50 has the parameters of the paper, its strides in the 3x3 convolutions") {
  const Graph graph{resnet50(1000)};
  std::int64_t elements = 0;
  for (const auto& parameter : graph.parameters()) elements += parameter.shape.elements();
  CHECK(elements == 25'557'032);
  CHECK(shape_of(graph, "max_pool_1") == Shape{56, 56, 64});
  CHECK(shape_of(graph, "add_3") == Shape{56, 56, 256});
  CHECK(shape_of(graph, "add_7") == Shape{28, 28, 512});
  CHECK(shape_of(graph, "add_13") == Shape{14, 14, 1024});
  CHECK(shape_of(graph, "add_16") == Shape{7, 7, 2048});
  // The second stage begins with the 12th convolution: 1x1, which keeps the size, then 3x3.
  CHECK(shape_of(graph, "conv2d_12") == Shape{56, 56, 128});
  CHECK(shape_of(graph, "conv2d_13") == Shape{28, 28, 128});
  CHECK(graph.value(graph.prediction()).shape == Shape{1000});
  std::set<std::string> nodes, parameters;
  for (const auto& node : graph.nodes()) nodes.insert(node.name);
  for (const auto& parameter : graph.parameters()) parameters.insert(parameter.name);
  CHECK(nodes.size() == graph.nodes().size());
  CHECK(parameters.size() == graph.parameters().size());
  CHECK(parameters.contains("conv2d_53.weight"));
  CHECK_FALSE(parameters.contains("conv2d_53.bias"));
}

TEST_CASE("Graph: reports every mismatch at once, by layer name and shape") {
  ModelBuilder model;
  model.input("image", Shape{8, 8, 3});
  model.input("label", Shape{}, DType::f32);
  model.add("conv2d", {{"filters", std::int64_t{16}}, {"kernel", std::int64_t{11}}}, {},
            "too_wide");
  model.add("dense", {{"unitz", std::int64_t{4}}}, {"image"}, "misspelt");
  model.add("max_pool", {{"kernel", std::int64_t{2}}, {"padding_mode", std::string{"sane"}}},
            {"image"}, "pool");
  model.add("convd", {}, {"image"}, "strange");
  model.add("batch_norm", {{"epsilon", -1.0}}, {"imaje"}, "norm");
  model.add("dense", {{"units", std::int64_t{0}}}, {"image"}, "none");
  const std::string text = problems_of(model.description());
  CHECK(text.find("model: ") == 0);
  for (const char* const wanted :
       {"layer 'too_wide': expected an input at least as large as the window [11, 11] with its "
        "dilation, less the "
        "padding, got [8, 8, 3]",
        "layer 'misspelt': unknown attribute 'unitz' (did you mean 'units'?)",
        "layer 'misspelt': expected an attribute 'units', got none",
        "layer 'pool': padding_mode: expected one of valid, same, got 'sane' (did you mean "
        "'same'?)",
        "layer 'strange': unknown type 'convd' (did you mean 'conv2d'?)",
        "layer 'norm': expected an input or an earlier layer as its input, got 'imaje' (did you "
        "mean 'image'?)",
        "layer 'norm': epsilon: expected a number from",
        "layer 'none': units: expected a whole number from 1 to"}) {
    CAPTURE(text);
    CHECK_MESSAGE(text.find(wanted) != std::string::npos, wanted);
  }
}

TEST_CASE("Graph: one wrong shape is reported once, not by all that hangs on it") {
  ModelBuilder model;
  model.input("image", Shape{784});
  model.add("conv2d", {{"filters", std::int64_t{8}}, {"kernel", std::int64_t{3}}});
  model.add("relu");
  model.add("max_pool", {{"kernel", std::int64_t{2}}});
  CHECK(problems_of(model.description()) ==
        "model: 1 problem\n  layer 'conv2d_1': expected an input of rank 3 [height, width, "
        "channels], got [784]");
}

TEST_CASE("Graph: absurd numbers are refused, whatever they multiply to") {
  using I = std::int64_t;
  const I huge = I{1} << 40;
  for (const Attributes& attributes :
       {Attributes{{"filters", huge}, {"kernel", huge}},
        Attributes{{"filters", huge}, {"kernel", I{3}}, {"padding", huge}},
        Attributes{{"filters", huge}, {"kernel", I{3}}, {"dilation", huge}},
        Attributes{{"filters", huge}, {"kernel", I{1} << 20}, {"padding", I{1} << 20}},
        Attributes{{"filters", I{4}}, {"kernel", I{3}}, {"stride", I{1} << 62}}}) {
    ModelBuilder model;
    model.input("image", Shape{8, 8, huge});
    model.add("conv2d", attributes);
    CHECK_THROWS_AS(Graph{model.description()}, Error);
  }
  ModelBuilder wide;
  wide.input("x", Shape{huge, 1 << 19});
  CHECK_THROWS_AS(wide.input("y", Shape{huge, huge}), Error);
  wide.add("dense", {{"units", huge}});
  CHECK_THROWS_AS(Graph{wide.description()}, Error);
}

TEST_CASE("Graph: refuses wiring that cannot train") {
  SUBCASE("an output that nobody uses") {
    ModelBuilder model;
    model.input("x", Shape{4});
    model.add("dense", {{"units", std::int64_t{3}}}, {}, "dangling");
    model.add("dense", {{"units", std::int64_t{3}}}, {"x"}, "head");
    CHECK(problems_of(model.description())
              .find("layer 'dangling': expected a layer that uses its output, got none") !=
          std::string::npos);
  }
  SUBCASE("two layers of one name") {
    ModelBuilder model;
    model.input("x", Shape{4});
    model.add("relu", {}, {}, "twice");
    model.add("relu", {}, {}, "twice");
    CHECK(problems_of(model.description()).find("expected a new name") != std::string::npos);
  }
  SUBCASE("a loss in the middle") {
    ModelBuilder model;
    model.input("x", Shape{4});
    model.add("mean_squared_error", {}, {"x", "x"});
    model.add("relu");
    CHECK(problems_of(model.description()).find("expected no loss as its input") !=
          std::string::npos);
  }
  SUBCASE("labels of the wrong type") {
    ModelBuilder model;
    model.input("x", Shape{4});
    model.input("label", Shape{}, DType::u8);
    model.add("softmax_cross_entropy", {}, {"x", "label"});
    CHECK(problems_of(model.description()).find("labels i32[...], got f32[4] and u8[]") !=
          std::string::npos);
  }
  SUBCASE("shared parameters of another shape") {
    ModelBuilder model;
    model.input("x", Shape{4});
    const std::string first = model.add("dense", {{"units", std::int64_t{4}}});
    model.add("dense", {{"units", std::int64_t{3}}});
    model.share(first);
    CHECK(problems_of(model.description())
              .find("share: expected 'weight' of shape [3, 4], got that of layer "
                    "'dense_1' of shape [4, 4]") != std::string::npos);
  }
  SUBCASE("more dimensions than a batch of them could have") {
    ModelBuilder model;
    model.input("x", Shape{2, 2, 2, 2, 2, 2});
    model.add("flatten");
    model.add("reshape", {{"shape", std::vector<std::int64_t>{2, 2, 2, 2, 2, 2}}});
    const std::string text = problems_of(model.description());
    CHECK(text.find("input 'x': expected a rank of 5 or less, beside the rows") !=
          std::string::npos);
    CHECK(text.find("layer 'reshape_1': expected an output of rank 5 or less") !=
          std::string::npos);
  }
  SUBCASE("nothing at all") {
    CHECK(problems_of({}).find("expected an input, got none") != std::string::npos);
  }
}

TEST_CASE("Graph: lays parameters out in the order in which backward completes them") {
  const StateLayout layout =
      Graph{mlp(std::array<std::int64_t, 3>{784, 128, 10})}.layout({Adam{}, {}});
  CHECK(layout.parameters[0].name == "dense_2.weight");
  CHECK(layout.parameters[1].name == "dense_2.bias");
  CHECK(layout.parameters[2].name == "dense_1.weight");
  CHECK(layout.parameters[3].name == "dense_1.bias");
  CHECK(layout.optimizer_states.size() == 2);
}

TEST_CASE("Graph: a start depends on the seed, the layer and the element alone (JOB-3)") {
  const Graph graph{mlp(std::array<std::int64_t, 3>{784, 128, 10})};
  const StateLayout layout = graph.layout({Sgd{}, {}});
  std::vector<std::byte> first(layout.slot_bytes), again(layout.slot_bytes),
      other(layout.slot_bytes);
  graph.initialise(layout, 1, first);
  graph.initialise(layout, 1, again);
  graph.initialise(layout, 2, other);
  CHECK(first == again);
  CHECK(first != other);
  CHECK_THROWS_AS(graph.initialise(layout, 1, std::span{first}.first(8)), Error);
  // He: deviation sqrt(2 / 784)
  const auto* const weights =
      reinterpret_cast<const float*>(first.data()) + layout.parameters[2].begin;
  double squares = 0.0;
  for (int i = 0; i < 784 * 128; ++i) squares += double{weights[i]} * weights[i];
  CHECK(std::sqrt(squares / (784 * 128)) == doctest::Approx(std::sqrt(2.0 / 784)).epsilon(0.02));
}

TEST_CASE("Graph: takes layer types of an application's own") {
  struct Twice final : Layer {
    Signature infer(std::string_view, std::span<const ValueSpec> inputs, Problems&) const override {
      return {inputs[0], {}, {}};
    }
    void forward(Lowering&) const override {}
    void backward(Lowering&) const override {}
  };
  LayerRegistry types = LayerRegistry::built_in();
  types.add("twice",
            [](AttributeReader&) -> std::unique_ptr<Layer> { return std::make_unique<Twice>(); });
  CHECK_THROWS_AS(types.add("twice", nullptr), Error);
  ModelBuilder model;
  model.input("x", Shape{4});
  model.add("twice");
  CHECK(Graph(model.description(), types).nodes().size() == 1);
}
