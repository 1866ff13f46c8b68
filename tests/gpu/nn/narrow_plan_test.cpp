#include <cmath>

#include "gpu/cpu_device.hpp"
#include "gpu/nn/models.hpp"
#include "gpu/nn/plan.hpp"
#include "gpu/reference/library.hpp"
#include "runtime/base/error.hpp"
#include "tests/support/narrow_library.hpp"
#include "tests/support/shard_run.hpp"

using namespace troupe;
using namespace troupe::gpu;
using namespace troupe::gpu::nn;
using troupe::test::ShardRun;

namespace {

constexpr std::int64_t rows = 8;

using I = std::int64_t;

std::unique_ptr<Device> narrow_device() {
  const auto portable = std::make_shared<reference::ReferenceLibrary>();
  return make_cpu_device({portable, test::make_narrow_library(portable)}, 1);
}

void fill(const Graph& graph, ShardRun& run) {
  std::mt19937_64 random{7};
  std::normal_distribution<float> normal;
  for (std::size_t i = 0; i < graph.inputs().size(); ++i) {
    if (graph.inputs()[i].dtype == DType::f32) {
      for (float& value : run.input<float>(i)) value = normal(random);
    } else if (graph.inputs()[i].dtype == DType::u8) {
      for (std::uint8_t& value : run.input<std::uint8_t>(i))
        value = static_cast<std::uint8_t>(random());
    } else {
      for (std::int32_t& value : run.input<std::int32_t>(i))
        value = static_cast<std::int32_t>(random() % 3);
    }
  }
}

/// Root of the mean square of the difference over that of `wanted`.
double distance(std::span<const float> got, std::span<const float> wanted) {
  REQUIRE(got.size() == wanted.size());
  double difference = 0.0, size = 0.0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    difference += std::pow(double{got[i]} - double{wanted[i]}, 2);
    size += std::pow(double{wanted[i]}, 2);
  }
  return std::sqrt(difference / size);
}

/// Near the plan in f32 as far as bf16's 8 bits go, and the same bits without shared memory.
void check_narrow(const ModelDescription& model) {
  const Graph graph{model};
  const StateLayout layout = graph.layout({Sgd{}, {}}, 256);
  const auto device = narrow_device();
  PlanOptions options{Mode::train, rows};
  ShardRun wide{graph, layout, *device, options};
  options.precision = DType::bf16;
  ShardRun narrow{graph, layout, *device, options};
  options.reuse_buffers = false;
  ShardRun apart{graph, layout, *device, options};
  for (ShardRun* const run : {&wide, &narrow, &apart}) {
    fill(graph, *run);
    for (const auto& bucket : run->buckets) std::memset(bucket->data(), 0xFF, bucket->size_bytes());
    run->run();
    run->run();
  }
  CHECK(narrow.gradient() == apart.gradient());
  CHECK(narrow.rows() == wide.rows());
  CHECK(narrow.loss() == doctest::Approx(wide.loss()).epsilon(0.02));
  CHECK(narrow.loss() != wide.loss());
  CHECK(distance(narrow.gradient(), wide.gradient()) < 0.05);
  CHECK(distance(narrow.plan.prediction().values<float>(), wide.plan.prediction().values<float>()) <
        0.03);

  PlanOptions infer{Mode::infer, rows};
  infer.precision = DType::bf16;
  ShardRun inference{graph, layout, *device, infer};
  fill(graph, inference);
  inference.run();
  PlanOptions evaluate{Mode::evaluate, rows};
  ShardRun evaluation{graph, layout, *device, evaluate};
  fill(graph, evaluation);
  evaluation.run();
  CHECK(distance(inference.plan.prediction().values<float>(),
                 evaluation.plan.prediction().values<float>()) < 0.03);
}

}  // namespace

TEST_CASE("Plan in bf16: convolutions, pools and norms, the weights' gradients cut into buckets") {
  check_narrow(cnn(Shape{12, 12, 1}, 3, {.batch_norm = true, .dropout = 0.2, .smoothing = 0.1}));
}

TEST_CASE("Plan in bf16: shared weights, a residual, values side by side, a target in f32") {
  ModelBuilder m;
  m.input("x", Shape{6});
  m.input("y", Shape{18});
  const std::string first = m.add("dense", {{"units", I{6}}}, {"x"});
  m.add("tanh");
  m.add("dense", {{"units", I{6}}});
  m.share(first);
  const std::string branch = m.add("gelu");
  const std::string normal = m.add("layer_norm");
  m.add("add", {}, {"x", branch, normal});
  const std::string joined = m.add("silu");
  const std::string soft = m.add("softmax", {}, {joined});
  const std::string out = m.add("concat", {}, {joined, "x", soft});
  m.add("mean_squared_error", {}, {out, "y"});
  check_narrow(m.description());
}

TEST_CASE("Plan in bf16: bytes are scaled, and an average of windows is a logit") {
  ModelBuilder m;
  m.input("x", Shape{6, 6, 2}, DType::u8);
  m.input("label", Shape{}, DType::i32);
  m.add("scale", {{"scale", 1.0 / 255}, {"offset", -0.5}}, {"x"});
  m.add("conv2d", {{"filters", I{4}}, {"kernel", I{3}}, {"groups", I{2}}, {"bias", false}});
  m.add("relu");
  m.add("average_pool", {{"kernel", I{2}}});
  m.add("flatten");
  const std::string out = m.add("dense", {{"units", I{3}}});
  m.add("softmax_cross_entropy", {}, {out, "label"});
  check_narrow(m.description());
}

TEST_CASE("Plan in bf16: a device that cannot compute in it names the layer") {
  const Graph graph{mlp(std::vector<I>{4, 3, 2})};
  PlanOptions options{Mode::train, rows};
  options.precision = DType::bf16;
  const auto cpu = make_cpu_device({1, CpuBackend::reference});
  CHECK_THROWS_WITH_AS((Plan{graph, graph.layout({Sgd{}, {}}), *cpu, options}),
                       "layer dense_1: no kernel for cast in bf16 on the cpu", Error);
}
