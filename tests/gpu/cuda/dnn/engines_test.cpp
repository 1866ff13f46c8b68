#include "gpu/cuda/dnn/engines.hpp"

#include <string>
#include <vector>

#include "gpu/cuda/dnn/layer_graph.hpp"
#include "runtime/base/error.hpp"
#include "tests/gpu/cuda/dnn/h200.hpp"

using namespace troupe;
using namespace troupe::gpu;
using namespace troupe::gpu::cuda::dnn;
using test::cuda::h200;

namespace {

Convolution small_convolution() {
  ConvolutionGeometry g{8, 14, 14, 32, 14, 14, 64, 3, 3};
  g.pad_top = g.pad_bottom = g.pad_left = g.pad_right = 1;
  return {g, false};
}

Descriptor finished(const LayerGraph& graph) {
  return graph.graph.descriptor().finish();
}

/// The text of the Error that `call` throws; empty if it throws none.
template <class Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::unsupported);
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("cuDNN engines: what is not deterministic is refused unless it is freed") {
  const std::vector notes{CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC};
  EngineOptions options;
  for (const Products products : {Products::none, Products::f32, Products::bf16}) {
    options.deterministic = true;
    CHECK(refusal(notes, products, options) == "not deterministic");
    options.deterministic = false;
    CHECK(refusal(notes, products, options).empty());
  }
}

TEST_CASE("cuDNN engines: products of f32 are those of f32 unless tf32 is allowed") {
  const std::vector notes{CUDNN_NUMERICAL_NOTE_TENSOR_CORE};
  EngineOptions options;
  CHECK(refusal(notes, Products::f32, options) == "of tf32");
  CHECK(refusal(notes, Products::bf16, options).empty());
  CHECK(refusal(notes, Products::none, options).empty());
  options.tf32 = true;
  CHECK(refusal(notes, Products::f32, options).empty());
}

TEST_CASE("cuDNN engines: no products lose digits by the way they are formed") {
  EngineOptions free;
  free.deterministic = false;
  free.tf32 = true;
  for (const auto note :
       {CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS, CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION,
        CUDNN_NUMERICAL_NOTE_FFT, CUDNN_NUMERICAL_NOTE_WINOGRAD,
        CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6,
        CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13}) {
    CAPTURE(static_cast<int>(note));
    const std::vector notes{CUDNN_NUMERICAL_NOTE_TENSOR_CORE, note};
    CHECK_FALSE(refusal(notes, Products::f32, free).empty());
    CHECK_FALSE(refusal(notes, Products::bf16, free).empty());
    CHECK(refusal(notes, Products::none, free).empty());
  }
  CHECK(refusal({CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP}, Products::f32, {}).empty());
  CHECK(refusal({}, Products::f32, {}).empty());
}

TEST_CASE("cuDNN engines: the first candidate is the first configuration that may be used") {
  const Target target = h200();
  const LayerGraph graph = graph_of(small_convolution(), {});
  const Descriptor descriptor = finished(graph);
  const auto offered = offered_configs(target, descriptor);
  REQUIRE(offered.size() > 5);
  std::vector<std::string> allowed;
  for (const EngineConfig& config : offered) {
    if (refusal(config.notes, Products::f32, {}).empty()) allowed.push_back(to_string(config));
  }
  CHECK(allowed.size() < offered.size());  // cuDNN prefers tf32

  const auto found = candidates(target, descriptor, Products::f32, {}, "a layer", 3);
  REQUIRE(found.size() == 3);
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(to_string(found[i].config) == allowed[i]);
    CHECK(found[i].workspace_bytes >= 0);
  }

  EngineOptions tf32;
  tf32.tf32 = true;
  const auto fastest = candidates(target, descriptor, Products::f32, tf32, "a layer");
  CHECK(to_string(fastest.at(0).config) == to_string(offered[0]));
}

TEST_CASE("cuDNN engines: an error names the layer, and why each configuration was refused") {
  const Target target = h200();
  const Descriptor descriptor = finished(graph_of(small_convolution(), {}));
  EngineOptions options;
  options.workspace_limit_bytes = -1;
  const std::string text = error_of(
      [&] { candidates(target, descriptor, Products::f32, options, "convolution [1, 2]"); });
  CHECK(text.find("convolution [1, 2]") != std::string::npos);
  CHECK(text.find(std::to_string(offered_configs(target, descriptor).size()) + " configurations") !=
        std::string::npos);
  CHECK(text.find("of tf32") != std::string::npos);
  CHECK(text.find("with a workspace above -1 bytes") != std::string::npos);
}
