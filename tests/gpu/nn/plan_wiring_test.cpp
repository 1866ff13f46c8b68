#include "gpu/nn/plan.hpp"

#include "gpu/kernel_module.hpp"
#include "gpu/nn/local_job.hpp"
#include "runtime/base/error.hpp"
#include "tests/support/gradient_check.hpp"
#include "tests/support/shard_run.hpp"

using namespace troupe;
using namespace troupe::gpu;
using namespace troupe::gpu::nn;
using troupe::test::ShardRun;

namespace {

using I = std::int64_t;
constexpr std::int64_t rows = 5;

void fill_normal(std::span<float> values, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  std::normal_distribution<float> normal;
  for (float& value : values) value = normal(random);
}

void fill(const Graph& graph, ShardRun& run) {
  for (std::size_t i = 0; i < graph.inputs().size(); ++i) {
    if (graph.inputs()[i].dtype == DType::f32) fill_normal(run.input<float>(i), 7 + i);
    if (graph.inputs()[i].dtype != DType::i32) continue;
    for (std::size_t r = 0; r < run.input<std::int32_t>(i).size(); ++r)
      run.input<std::int32_t>(i)[r] = static_cast<std::int32_t>(r % 3);
  }
  // Biases and shifts start at zero, where a wrong gradient might not show.
  std::mt19937_64 random{3};
  std::normal_distribution<float> normal{0.0F, 0.1F};
  for (float& value : run.parameters()) value += normal(random);
}

double rms(std::span<const float> values) {
  double squares = 0.0;
  for (const float value : values) squares += double{value} * double{value};
  return std::sqrt(squares / static_cast<double>(std::max<std::size_t>(1, values.size())));
}

void check_close(std::span<const float> got, std::span<const float> wanted, double tolerance) {
  REQUIRE(got.size() == wanted.size());
  const double scale = rms(wanted);
  for (std::size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(double{got[i]} - double{wanted[i]}) <=
          tolerance * std::max(std::abs(double{wanted[i]}), scale));
  }
}

std::vector<std::unique_ptr<Device>> devices() {
  std::vector<std::unique_ptr<Device>> all;
  all.push_back(make_cpu_device({1, CpuBackend::reference}));
  if (load_kernel_module("onednn", nullptr))
    all.push_back(make_cpu_device({1, CpuBackend::onednn}));
  return all;
}

/// Gradient by finite differences, one bit pattern with and without shared memory, and one value on all backends,
/// in training, evaluation and inference.
void check_wiring(const ModelDescription& model) {
  const Graph graph{model};
  const StateLayout layout = graph.layout({Sgd{}, {}}, 128);
  std::vector<float> gradient, prediction, evaluated;
  double loss = 0.0, evaluated_loss = 0.0;
  for (const auto& device : devices()) {
    CAPTURE(device->machine_record().size());
    ShardRun shared{graph, layout, *device, {Mode::train, rows}};
    PlanOptions apart_options{Mode::train, rows};
    apart_options.reuse_buffers = false;
    ShardRun apart{graph, layout, *device, apart_options};
    for (ShardRun* const run : {&shared, &apart}) {
      fill(graph, *run);
      for (const auto& bucket : run->buckets)
        std::memset(bucket->data(), 0xFF, bucket->size_bytes());
      run->run();
      run->run();
    }
    CHECK(shared.gradient() == apart.gradient());
    CHECK(std::bit_cast<std::uint64_t>(shared.loss()) ==
          std::bit_cast<std::uint64_t>(apart.loss()));
    const auto predicted = shared.plan.prediction().values<float>();
    CHECK(std::ranges::equal(predicted, apart.plan.prediction().values<float>()));

    ShardRun evaluate{graph, layout, *device, {Mode::evaluate, rows}};
    ShardRun infer{graph, layout, *device, {Mode::infer, rows}};
    for (ShardRun* const run : {&evaluate, &infer}) {
      fill(graph, *run);
      run->run();
    }
    const auto by_evaluation = evaluate.plan.prediction().values<float>();
    CHECK(std::ranges::equal(by_evaluation, infer.plan.prediction().values<float>()));
    CHECK(evaluate.rows() == shared.rows());

    if (gradient.empty() && prediction.empty()) {
      gradient = shared.gradient();
      prediction.assign(predicted.begin(), predicted.end());
      evaluated.assign(by_evaluation.begin(), by_evaluation.end());
      loss = shared.loss();
      evaluated_loss = evaluate.loss();
      test::check_gradient(shared, 6);
    } else {
      check_close(shared.gradient(), gradient, 1e-3);
      check_close(predicted, prediction, 1e-4);
      check_close(by_evaluation, evaluated, 1e-4);
      CHECK(shared.loss() == doctest::Approx(loss).epsilon(1e-5));
      CHECK(evaluate.loss() == doctest::Approx(evaluated_loss).epsilon(1e-5));
    }
  }
}

ModelBuilder vectors(std::int64_t width, std::int64_t target) {
  ModelBuilder m;
  m.input("x", Shape{width});
  m.input("y", Shape{target});
  return m;
}

}  // namespace

TEST_CASE("Plan: three layers share weights, each with an activation of its own folded in") {
  ModelBuilder m = vectors(6, 6);
  const std::string first = m.add("dense", {{"units", I{6}}}, {"x"});
  m.add("tanh");
  m.add("dense", {{"units", I{6}}});
  m.share(first);
  const std::string middle = m.add("sigmoid");
  m.add("dense", {{"units", I{6}}});
  m.share(first);
  const std::string last = m.add("relu");
  m.add("add", {}, {last, middle, last});
  const std::string out = m.add("tanh");
  m.add("mean_squared_error", {}, {out, "y"});
  check_wiring(m.description());
}

TEST_CASE("Plan: a residual whose one branch is the graph's input, and values used twice") {
  ModelBuilder m = vectors(6, 18);
  m.add("dense", {{"units", I{6}}}, {"x"});
  const std::string branch = m.add("relu");
  m.add("add", {}, {"x", branch});
  const std::string joined = m.add("gelu");
  const std::string twice = m.add("add", {}, {joined, joined});
  const std::string wide = m.add("concat", {}, {twice, "x", twice});
  m.add("mean_squared_error", {}, {wide, "y"});
  check_wiring(m.description());
}

TEST_CASE("Plan: layers without weights in front of the first one with weights") {
  ModelBuilder m;
  m.input("a", Shape{3});
  m.input("b", Shape{4});
  m.input("y", Shape{7});
  m.add("concat", {}, {"a", "b"});
  m.add("dropout", {{"rate", 0.0}});
  m.add("relu");
  m.add("softmax");
  m.add("batch_norm");
  const std::string normal = m.add("relu");
  m.add("dense", {{"units", I{7}}});
  m.add("flatten");
  const std::string soft = m.add("softmax");
  const std::string out = m.add("add", {}, {soft, normal});
  m.add("mean_squared_error", {}, {out, "y"});
  check_wiring(m.description());
}

TEST_CASE("Plan: softmax before the squared error, behind a batch norm on the input") {
  ModelBuilder m = vectors(6, 6);
  m.add("batch_norm", {}, {"x"});
  m.add("dense", {{"units", I{6}}});
  m.add("dropout", {{"rate", 0.4}});
  m.add("gelu");
  m.add("layer_norm");
  const std::string out = m.add("softmax");
  m.add("mean_squared_error", {}, {out, "y"});
  check_wiring(m.description());
}

TEST_CASE("Plan: a folded activation is the prediction, and passes through as well") {
  ModelBuilder m = vectors(6, 4);
  m.add("dense", {{"units", I{4}}}, {"x"});
  m.add("sigmoid");
  m.add("dropout", {{"rate", 0.0}});
  m.add("reshape", {{"shape", std::vector<I>{2, 2}}});
  const std::string out = m.add("flatten");
  m.add("mean_squared_error", {}, {out, "y"});
  check_wiring(m.description());
}

TEST_CASE("Plan: a model without parameters has a loss and a prediction") {
  ModelBuilder m = vectors(6, 6);
  const std::string out = m.add("tanh", {}, {"x"});
  m.add("mean_squared_error", {}, {out, "y"});
  check_wiring(m.description());
}

TEST_CASE("Plan: the prediction may be an input that passes through") {
  ModelBuilder m;
  m.input("x", Shape{2, 3});
  m.input("y", Shape{6});
  const std::string out = m.add("flatten", {}, {"x"});
  m.add("mean_squared_error", {}, {out, "y"});
  check_wiring(m.description());
}

TEST_CASE("Plan: windows, groups and strides agree on every backend") {
  ModelBuilder m;
  m.input("x", Shape{7, 6, 2});
  m.input("label", Shape{}, DType::i32);
  m.add("conv2d", {{"filters", I{4}}, {"kernel", I{2}}, {"padding", std::vector<I>{3, 0, 2, 4}}},
        {"x"});
  m.add("silu");
  m.add("average_pool", {{"kernel", I{3}}, {"stride", I{2}}, {"padding", I{2}}});
  m.add("conv2d", {{"filters", I{4}},
                   {"kernel", I{3}},
                   {"groups", I{2}},
                   {"padding_mode", std::string{"same"}},
                   {"stride", I{2}}});
  m.add("batch_norm");
  const std::string a = m.add("relu");
  const std::string p = m.add("global_average_pool", {}, {a});
  const std::string q = m.add("global_max_pool", {}, {a});
  m.add("add", {}, {p, q});
  const std::string out = m.add("dense", {{"units", I{3}}});
  m.add("softmax_cross_entropy", {}, {out, "label"});
  check_wiring(m.description());
}

TEST_CASE("Plan: a training plan refuses the layout of another graph") {
  const auto cpu = make_cpu_device({1, CpuBackend::reference});
  const auto model = [](bool more) {
    ModelBuilder m = vectors(6, 4);
    m.add("dense", {{"units", I{4}}}, {"x"}, "a");
    std::string out = m.add("dense", {{"units", I{4}}}, {}, "b");
    if (more) out = m.add("dense", {{"units", I{4}}}, {}, "c");
    m.add("mean_squared_error", {}, {out, "y"});
    return Graph{m.description()};
  };
  const Graph graph = model(false), larger = model(true);
  CHECK_THROWS_WITH_AS((Plan{graph, larger.layout({Sgd{}, {}}), *cpu, {Mode::train, rows}}),
                       "state layout: expected the parameters of the graph that is trained, in "
                       "the order in which backward completes them",
                       Error);
  StateLayout turned = graph.layout({Sgd{}, {}});
  std::vector<ParameterEntry> entries = turned.parameters;
  std::ranges::reverse(entries);
  turned = make_state_layout(entries, {}, {}, 4096);
  CHECK_THROWS_AS((Plan{graph, turned, *cpu, {Mode::train, rows}}), Error);
  // Prediction looks parameters up by name.
  CHECK_NOTHROW(Plan{graph, larger.layout({Sgd{}, {}}), *cpu, {Mode::infer, rows}});
  CHECK_NOTHROW(Plan{graph, turned, *cpu, {Mode::infer, rows}});
}

TEST_CASE("Plan: padding wider than the window is the same on every backend") {
  ModelBuilder m;
  m.input("x", Shape{4, 4, 1});
  m.input("label", Shape{}, DType::i32);
  m.add("conv2d", {{"filters", I{16}}, {"kernel", I{3}}, {"stride", I{5}}, {"padding", I{7}}},
        {"x"});
  m.add("relu");
  m.add("flatten");
  const std::string out = m.add("dense", {{"units", I{3}}});
  m.add("softmax_cross_entropy", {}, {out, "label"});
  check_wiring(m.description());
}

TEST_CASE("Plan: gelu behind products, fused in prediction and apart in training") {
  ModelBuilder m;
  m.input("x", Shape{5, 5, 2});
  m.input("y", Shape{6});
  m.add("conv2d", {{"filters", I{16}}, {"kernel", I{3}}, {"bias", false}}, {"x"});
  m.add("gelu");
  m.add("flatten");
  m.add("dense", {{"units", I{6}}});
  const std::string out = m.add("gelu");
  m.add("mean_squared_error", {}, {out, "y"});
  check_wiring(m.description());
}

TEST_CASE("Plan: a job without parameters has losses") {
  ModelBuilder m = vectors(6, 6);
  m.add("mean_squared_error", {}, {"x", "y"});
  const Graph graph{m.description()};
  const auto cpu = make_cpu_device({1, CpuBackend::reference});
  JobSpec spec;
  spec.batch = 4;
  spec.shards = 2;
  LocalJob job{graph, *cpu, spec};
  const auto result = job.step([](PositionRange, std::span<std::byte* const> inputs) {
    std::fill_n(reinterpret_cast<float*>(inputs[0]), 12, 3.0F);
    std::fill_n(reinterpret_cast<float*>(inputs[1]), 12, 1.0F);
  });
  CHECK(result.rows == 4);
  CHECK(result.loss == 4.0);
}
