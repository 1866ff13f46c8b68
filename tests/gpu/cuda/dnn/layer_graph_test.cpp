#include "gpu/cuda/dnn/layer_graph.hpp"

#include <string>
#include <utility>
#include <vector>

#include "gpu/cuda/dnn/engines.hpp"
#include "tests/gpu/cuda/dnn/h200.hpp"

using namespace troupe::gpu;
using namespace troupe::gpu::cuda::dnn;
using troupe::test::cuda::h200;
using troupe::test::cuda::has_driver_or_stub;

namespace {

constexpr float epsilon = 1e-5F;

/// A window over [rows, size, size, in]; the padding is that of "same" unless given.
struct Square {
  std::int64_t rows, size, in, out, kernel = 3, stride = 1, groups = 1, dilation = 1, padding = -1;

  operator ConvolutionGeometry() const {
    const std::int64_t extent = dilation * (kernel - 1) + 1;
    const std::int64_t pad = padding >= 0 ? padding : extent / 2;
    const std::int64_t result = (size + 2 * pad - extent) / stride + 1;
    return {rows,   size,   size,     in,       result, result, out, kernel, kernel,
            stride, stride, dilation, dilation, pad,    pad,    pad, pad,    groups};
  }
};

/// One more row and column of padding at the end than at the beginning, as TensorFlow's "same" has it.
ConvolutionGeometry asymmetric(std::int64_t channels) {
  ConvolutionGeometry g = Square{8, 10, channels, channels, 3, 2, 1, 1, 0};
  g.pad_bottom = g.pad_right = 1;
  g.out_height = g.out_width = 5;
  return g;
}

ConvolutionGeometry one_dimensional() {
  ConvolutionGeometry g{16, 1, 100, 8, 1, 100, 16, 1, 5};
  g.pad_left = g.pad_right = 2;
  return g;
}

std::vector<ConvolutionGeometry> unusual_convolutions() {
  return {Square{3, 9, 5, 7},
          Square{1, 5, 1, 1},
          Square{32, 28, 64, 64, 3, 1, 4},     // grouped
          Square{32, 28, 64, 64, 3, 1, 64},    // depthwise
          Square{32, 28, 64, 64, 3, 2, 64},    // depthwise with a stride
          Square{32, 28, 64, 64, 3, 1, 1, 2},  // dilated
          Square{64, 32, 64, 64, 5, 3},
          asymmetric(3),
          asymmetric(64),
          one_dimensional()};
}

std::vector<ConvolutionGeometry> cnn_convolutions() {
  return {Square{256, 28, 1, 32}, Square{256, 14, 32, 64}};
}

std::vector<ConvolutionGeometry> resnet20_convolutions() {
  return {Square{512, 32, 3, 16},        Square{512, 32, 16, 16}, Square{512, 32, 16, 32, 3, 2},
          Square{512, 32, 16, 32, 1, 2}, Square{512, 16, 32, 32}, Square{512, 16, 32, 64, 3, 2},
          Square{512, 16, 32, 64, 1, 2}, Square{512, 8, 64, 64}};
}

std::vector<ConvolutionGeometry> resnet50_convolutions() {
  std::vector<ConvolutionGeometry> all{Square{256, 224, 3, 64, 7, 2}};
  std::int64_t in = 64, size = 56;
  for (const std::int64_t width : {64, 128, 256, 512}) {
    const std::int64_t stride = width == 64 ? 1 : 2, out = 4 * width;
    all.push_back(Square{256, size, in, width, 1});
    all.push_back(Square{256, size, width, width, 3, stride});
    all.push_back(Square{256, size, in, out, 1, stride});  // the shortcut
    size /= stride;
    all.push_back(Square{256, size, width, out, 1});
    all.push_back(Square{256, size, out, width, 1});
    all.push_back(Square{256, size, width, width});
    in = out;
  }
  return all;
}

struct Counts {
  int graphs = 0, built = 0, at_run_time = 0;
};

/// The graph is supported, and the first configuration that keeps our promises can be built, as far as it can be without
/// a driver.
void check_offered(const Target& target, const std::string& layer, const LayerGraph& graph,
                   Counts& counts) {
  CAPTURE(layer);
  const Descriptor descriptor = graph.graph.descriptor().finish();
  ++counts.graphs;
  for (const EngineConfig& config : offered_configs(target, descriptor)) {
    if (!refusal(config.notes, graph.products, {}).empty()) continue;
    if (config.compiled_at_run_time) {
      ++counts.at_run_time;
    } else {
      CAPTURE(to_string(config));
      CHECK_MESSAGE(find_plan(target, config).has_value(), last_words());
      ++counts.built;
    }
    return;
  }
  FAIL_CHECK("no configuration may be used");
}

void check_three_ways(const Target& target, const std::vector<ConvolutionGeometry>& geometries,
                      DType type, Counts& counts) {
  for (const ConvolutionGeometry& g : geometries) {
    const Convolution forward{g, false, Activation::none, type};
    check_offered(target, describe(forward), graph_of(forward, {}), counts);
    const ConvolutionBackwardData data{g, type};
    check_offered(target, describe(data), graph_of(data), counts);
    const ConvolutionBackwardWeights weights{g, false, type};
    check_offered(target, describe(weights), graph_of(weights), counts);
  }
}

template <class Op>
void check_each_type(const Target& target, Op op, Counts& counts) {
  for (const DType type : {DType::f32, DType::bf16}) {
    op.type = type;
    check_offered(target, describe(op), graph_of(op), counts);
  }
}

/// Says so where it cannot be asked.
bool can_ask_for_compiled_engines() {
  if (has_driver_or_stub()) return true;
  MESSAGE("not asked: there is neither a driver nor the toolkit's stub of it");
  return false;
}

}  // namespace

TEST_CASE(
    "cuDNN graphs: the convolutions of the models have deterministic engines, three ways, f32 and "
    "bf16") {
  if (!can_ask_for_compiled_engines()) return;
  const Target target = h200();
  Counts counts;
  for (const DType type : {DType::f32, DType::bf16}) {
    check_three_ways(target, cnn_convolutions(), type, counts);
    check_three_ways(target, resnet20_convolutions(), type, counts);
    check_three_ways(target, resnet50_convolutions(), type, counts);
  }
  CHECK(counts.graphs == 2 * 3 * (2 + 8 + 25));
  CHECK(counts.built == counts.graphs);
}

TEST_CASE(
    "cuDNN graphs: grouped, depthwise, dilated, 1-D and oddly padded convolutions have them, too") {
  if (!can_ask_for_compiled_engines()) return;
  const Target target = h200();
  Counts counts;
  for (const DType type : {DType::f32, DType::bf16})
    check_three_ways(target, unusual_convolutions(), type, counts);
  MESSAGE(counts.at_run_time, " of ", counts.graphs, " are compiled at run time");
}

TEST_CASE("cuDNN graphs: bias and relu are fused into a convolution") {
  if (!can_ask_for_compiled_engines()) return;
  const Target target = h200();
  Counts counts;
  for (const ConvolutionGeometry& g :
       {ConvolutionGeometry(Square{256, 28, 1, 32}), ConvolutionGeometry(Square{256, 14, 32, 64}),
        ConvolutionGeometry(Square{512, 32, 3, 16}), ConvolutionGeometry(Square{3, 9, 5, 7}),
        ConvolutionGeometry(Square{32, 28, 64, 64, 3, 1, 4}), asymmetric(64), one_dimensional()}) {
    for (const DType type : {DType::f32, DType::bf16}) {
      const Convolution op{g, true, Activation::relu, type};
      check_offered(target, describe(op) + " with bias", graph_of(op, {true, false}), counts);
      check_offered(target, describe(op) + " with relu", graph_of(op, {true, true}), counts);
    }
  }
}

TEST_CASE("cuDNN graphs: in bf16 sigmoid and tanh are fused as well") {
  if (!can_ask_for_compiled_engines()) return;
  const Target target = h200();
  Counts counts;
  for (const Activation activation : {Activation::sigmoid, Activation::tanh}) {
    const Convolution op{Square{256, 14, 32, 64}, true, activation, DType::bf16};
    check_offered(target, describe(op), graph_of(op, {true, true}), counts);
  }
}

TEST_CASE("cuDNN graphs: pools have engines, both ways") {
  if (!can_ask_for_compiled_engines()) return;
  const Target target = h200();
  Counts counts;
  for (const ConvolutionGeometry& g :
       {ConvolutionGeometry(Square{256, 28, 32, 32, 2, 2, 1, 1, 0}),
        ConvolutionGeometry(Square{256, 14, 64, 64, 2, 2, 1, 1, 0}),
        ConvolutionGeometry(Square{256, 112, 64, 64, 3, 2}),
        ConvolutionGeometry(Square{512, 8, 64, 64, 8, 8, 1, 1, 0}),
        ConvolutionGeometry(Square{32, 28, 64, 64, 28, 28, 1, 1, 0}),
        ConvolutionGeometry(Square{256, 7, 2048, 2048, 7, 7, 1, 1, 0}),
        ConvolutionGeometry(Square{3, 9, 5, 5, 3, 2}),
        ConvolutionGeometry(Square{3, 9, 1, 1, 2, 2, 1, 1, 0})}) {
    check_each_type(target, Pool{PoolKind::max, g}, counts);
    check_each_type(target, Pool{PoolKind::max, g, false}, counts);
    check_each_type(target, PoolBackward{PoolKind::max, g}, counts);
    check_each_type(target, Pool{PoolKind::average, g}, counts);
    check_each_type(target, PoolBackward{PoolKind::average, g}, counts);
  }
  CHECK(counts.at_run_time == counts.graphs);
}

TEST_CASE("cuDNN graphs: batch norms have engines, both ways") {
  if (!can_ask_for_compiled_engines()) return;
  const Target target = h200();
  Counts counts;
  for (const auto& [count, channels] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{256 * 28 * 28, 32},
                                                          {512 * 32 * 32, 16},
                                                          {512 * 8 * 8, 64},
                                                          {256 * 112 * 112, 64},
                                                          {256 * 56 * 56, 64},
                                                          {256 * 56 * 56, 128},
                                                          {256 * 56 * 56, 256},
                                                          {256 * 28 * 28, 128},
                                                          {256 * 28 * 28, 256},
                                                          {256 * 28 * 28, 512},
                                                          {256 * 14 * 14, 256},
                                                          {256 * 14 * 14, 512},
                                                          {256 * 14 * 14, 1024},
                                                          {256 * 7 * 7, 512},
                                                          {256 * 7 * 7, 2048},
                                                          {27, 8},
                                                          {27, 16}}) {
    check_each_type(target, BatchNorm{count, channels, epsilon}, counts);
    check_each_type(target, BatchNormBackward{count, channels, epsilon}, counts);
  }
}

TEST_CASE("cuDNN graphs: layer norms have engines, both ways") {
  if (!can_ask_for_compiled_engines()) return;
  const Target target = h200();
  Counts counts;
  for (const auto& [rows, width] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {512, 768}, {4096, 1024}, {100'000, 64}, {8, 8192}, {33, 17}, {7, 5}}) {
    check_each_type(target, LayerNorm{rows, width, epsilon}, counts);
    check_each_type(target, LayerNormBackward{rows, width, epsilon}, counts);
  }
}
