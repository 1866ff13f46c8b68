#include "gpu/cuda/dnn/context.hpp"

#include <memory>
#include <string>

#include "gpu/cuda/dnn/nodes.hpp"
#include "gpu/cuda/kernels/column_sums.hpp"
#include "runtime/base/error.hpp"
#include "tests/gpu/cuda/dnn/h200.hpp"
#include "tests/support/file_double.hpp"

using namespace troupe;
using namespace troupe::gpu;
using namespace troupe::gpu::cuda::dnn;
using test::FileDouble;
using test::cuda::h200;

namespace {

Convolution convolution(Activation activation = Activation::none, bool bias = true) {
  ConvolutionGeometry g{8, 14, 14, 32, 14, 14, 64, 3, 3};
  g.pad_top = g.pad_bottom = g.pad_left = g.pad_right = 1;
  return {g, bias, activation};
}

}  // namespace

TEST_CASE(
    "cuDNN context: layers that are alike share one plan, and the record names what was chosen") {
  Context context{h200(), {}, nullptr};
  const auto first = context.plan(graph_of(convolution(), {}), "a");
  CHECK(context.plan(graph_of(convolution(), {}), "b") == first);
  CHECK(context.plan(graph_of(convolution(), {true, false}), "c") != first);
  const auto choices = context.choices();
  REQUIRE(choices.size() == 3);
  CHECK(choices[0].first == "a");
  CHECK(choices[0].second == first->choice());
  CHECK(choices[1].second == first->choice());
  CHECK(first->choice().find("engine ") == 0);
  CHECK(first->choice().find(", workspace ") != std::string::npos);
}

TEST_CASE("cuDNN context: a plan that was kept is read back by the next program") {
  FileDouble files;
  PlanCache cache{files, "/plans"};
  const LayerGraph graph = graph_of(convolution(Activation::relu), {true, true});
  std::shared_ptr<const Plan> made;
  {
    Context context{h200(), {}, &cache};
    made = context.plan(graph, "a");
  }
  const auto names = files.list("/plans");
  REQUIRE(names.size() == 1);
  const auto writes = files.operations();
  Context context{h200(), {}, &cache};
  const auto read = context.plan(graph, "a");
  CHECK(files.operations() == writes);  // it was not made again
  CHECK(read->choice() == made->choice());
  CHECK(read->workspace_bytes() == made->workspace_bytes());
  CHECK(context.choices().at(0).second == made->choice());
}

TEST_CASE("cuDNN context: a stored plan that cuDNN does not take is replaced") {
  FileDouble files;
  PlanCache cache{files, "/plans"};
  const LayerGraph graph = graph_of(convolution(), {});
  const Target target = h200();
  std::string key;
  {
    Context context{target, {}, &cache};
    context.plan(graph, "a");
    key = context.key_of(graph);
  }
  const auto good = cache.find(key);
  REQUIRE(good.has_value());
  cache.store(key, {"engine 0", "{\"nothing\": true}"});
  Context context{target, {}, &cache};
  CHECK(context.plan(graph, "a")->choice() == good->choice);
  CHECK(cache.find(key) == good);
}

TEST_CASE("cuDNN context: the key tells apart GPUs, versions, options and graphs") {
  const LayerGraph graph = graph_of(convolution(), {});
  Context context{h200(), {}, nullptr};
  const std::string key = context.key_of(graph);
  CHECK(key == Context{h200(), {}, nullptr}.key_of(graph_of(convolution(), {})));
  CHECK(key.find("NVIDIA H200") != std::string::npos);
  CHECK(key.find(std::to_string(cudnnGetVersion())) != std::string::npos);
  CHECK(key != context.key_of(graph_of(convolution(), {true, false})));
  Convolution wider = convolution();
  wider.geometry.in_channels = 33;
  CHECK(key != context.key_of(graph_of(wider, {})));
  wider = convolution();
  wider.type = DType::bf16;
  CHECK(key != context.key_of(graph_of(wider, {})));
  EngineOptions options;
  options.tf32 = true;
  CHECK(key != Context{h200(), options, nullptr}.key_of(graph));
  options = {};
  options.deterministic = false;
  CHECK(key != Context{h200(), options, nullptr}.key_of(graph));
  options = {};
  options.workspace_limit_bytes = 5;
  CHECK(key != Context{h200(), options, nullptr}.key_of(graph));
}

TEST_CASE("cuDNN nodes: a convolution takes what it can into one graph and leaves the rest") {
  Context context{h200(), {}, nullptr};
  CHECK(make_node(context, convolution()) != nullptr);
  CHECK(make_node(context, convolution(Activation::relu)) != nullptr);
  CHECK(make_node(context, convolution(Activation::gelu)) == nullptr);
  // In f32 cuDNN has no engine of speed for these.
  CHECK(make_node(context, convolution(Activation::tanh)) == nullptr);
  CHECK(make_node(context, convolution(Activation::relu, false)) == nullptr);

  const ConvolutionGeometry g = convolution().geometry;
  CHECK(make_node(context, ConvolutionBackwardData{g}) != nullptr);
  const auto weights = make_node(context, ConvolutionBackwardWeights{g});
  CHECK(weights->scratch_bytes() >= cuda::column_sums_scratch_bytes(8 * 14 * 14, 64));
}

TEST_CASE(
    "cuDNN nodes: sizes that are none are refused, and a GPU that is only described computes "
    "nothing") {
  Context context{h200(), {}, nullptr};
  Convolution none = convolution();
  none.geometry.rows = 0;
  CHECK_THROWS_AS(make_node(context, none), Error);
  CHECK_THROWS_AS(make_node(context, BatchNorm{0, 4, 1e-5F}), Error);
  CHECK_THROWS_AS(make_node(context, LayerNorm{4, 0, 1e-5F}), Error);
  CHECK_THROWS_AS(make_node(context, Softmax{std::int64_t{1} << 31, 4}), Error);
  ConvolutionGeometry padded{1, 4, 4, 8, 4, 4, 8, 2, 2};
  padded.pad_top = 2;
  CHECK_THROWS_AS(make_node(context, Pool{PoolKind::max, padded}), Error);

  const auto softmax = make_node(context, Softmax{3, 4});
  float values[12] = {};
  void* operands[] = {values, values};
  CHECK(softmax->scratch_bytes() == 0);
  CHECK_THROWS_AS(softmax->enqueue(nullptr, operands, nullptr), Error);
  const auto relu = make_node(context, convolution(Activation::relu));
  void* four[] = {values, values, values, values};
  CHECK_THROWS_AS(relu->enqueue(nullptr, four, nullptr), Error);
}

TEST_CASE("cuDNN nodes: the workspace of forward and backward is the same") {
  const ConvolutionGeometry g{2, 8, 8, 5, 4, 4, 5, 2, 2, 2, 2};
  CHECK(workspace_bytes(Pool{PoolKind::max, g}) == 2 * 4 * 4 * 5);
  CHECK(workspace_bytes(PoolBackward{PoolKind::max, g}) == 2 * 4 * 4 * 5);
  const ConvolutionGeometry wide{2, 16, 16, 5, 1, 1, 5, 16, 16};
  CHECK(workspace_bytes(Pool{PoolKind::max, wide}) == 2 * 5 * 4);
  CHECK(workspace_bytes(PoolBackward{PoolKind::max, wide}) == 2 * 5 * 4);
  CHECK(workspace_bytes(Pool{PoolKind::max, g, false}) == 0);
  CHECK(workspace_bytes(Pool{PoolKind::average, g}) == 0);
  CHECK(workspace_bytes(BatchNorm{6, 5, 1e-5F, Activation::relu}) == 6 * 8);
  CHECK(workspace_bytes(BatchNormBackward{6, 5, 1e-5F, Activation::relu}) == 6 * 8);
  CHECK(workspace_bytes(BatchNorm{6, 5, 1e-5F}) == 0);
}
