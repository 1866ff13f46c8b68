#include "gpu/nn/plan.hpp"

#include "gpu/nn/models.hpp"
#include "runtime/base/error.hpp"
#include "tests/support/gradient_check.hpp"
#include "tests/support/shard_run.hpp"

using namespace troupe;
using namespace troupe::gpu;
using namespace troupe::gpu::nn;
using troupe::test::ShardRun;

namespace {

std::unique_ptr<Device> device() {
  return make_cpu_device({1, CpuBackend::reference});
}

void fill_normal(std::span<float> values, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  std::normal_distribution<float> normal;
  for (float& value : values) value = normal(random);
}

void fill_labels(std::span<std::int32_t> labels, int classes, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  for (std::int32_t& label : labels)
    label = static_cast<std::int32_t>(random() % static_cast<unsigned>(classes));
}

/// Every kind of wiring there is: a residual, a concat, shared weights, dropout, both norms, pools, a reshape.
ModelDescription tangle() {
  using I = std::int64_t;
  ModelBuilder m;
  m.input("image", Shape{6, 6, 2});
  m.input("label", Shape{}, DType::i32);
  const std::string first =
      m.add("conv2d", {{"filters", I{5}}, {"kernel", I{3}}, {"padding", I{1}}, {"bias", false}});
  m.add("batch_norm");
  const std::string trunk = m.add("relu");
  m.add("conv2d", {{"filters", I{5}}, {"kernel", I{3}}, {"padding", I{2}}, {"dilation", I{2}}});
  const std::string branch = m.add("tanh");
  m.add("add", {}, {trunk, branch, trunk});
  const std::string joined = m.add("relu");
  const std::string large = m.add("max_pool", {{"kernel", I{2}}}, {joined});
  const std::string mean = m.add("average_pool", {{"kernel", I{2}}}, {joined});
  m.add("concat", {}, {large, mean});
  m.add("reshape", {{"shape", std::vector<I>{-1, 10}}});
  m.add("layer_norm");
  m.add("flatten");
  const std::string wide = m.add("dense", {{"units", I{7}}});
  const std::string squashed = m.add("gelu");
  const std::string again = m.add("dense", {{"units", I{7}}}, {squashed});
  m.add("dropout", {{"rate", 0.3}});
  const std::string last = m.add("dense", {{"units", I{7}}});
  m.share(again);
  m.add("softmax_cross_entropy", {{"smoothing", 0.1}}, {last, "label"});
  return m.description();
}

void fill_tangle(ShardRun& run) {
  fill_normal(run.input<float>(0), 17);  // no relu or max has a kink within h of these
  fill_labels(run.input<std::int32_t>(1), 7, 4);
}

template <class Op>
std::size_t count_of(const Plan& plan) {
  return static_cast<std::size_t>(std::ranges::count_if(
      plan.instructions(),
      [](const Instruction& i) { return std::holds_alternative<Op>(i.operation); }));
}

}  // namespace

TEST_CASE("Plan: the gradient is that of the loss, through every kind of wiring") {
  const Graph graph{tangle()};
  const auto cpu = device();
  ShardRun run{graph, graph.layout({Sgd{}, {}}), *cpu, {Mode::train, 5}};
  fill_tangle(run);
  run.run();
  CHECK(run.rows() == 5);
  CHECK(test::check_gradient(run, 8) > 50);
}

TEST_CASE("Plan: reuse of buffers changes no bit and saves memory") {
  const Graph graph{tangle()};
  const auto cpu = device();
  ShardRun reused{graph, graph.layout({Sgd{}, {}}), *cpu, {Mode::train, 5}};
  PlanOptions own{Mode::train, 5};
  own.reuse_buffers = false;
  ShardRun separate{graph, graph.layout({Sgd{}, {}}), *cpu, own};
  for (ShardRun* const run : {&reused, &separate}) {
    fill_tangle(*run);
    run->run();
    run->run();
  }
  CHECK(reused.gradient() == separate.gradient());
  CHECK(std::bit_cast<std::uint64_t>(reused.loss()) ==
        std::bit_cast<std::uint64_t>(separate.loss()));
  CHECK(reused.plan.arena_bytes() < separate.plan.arena_bytes());
  const auto a = reused.plan.prediction().values<float>(),
             b = separate.plan.prediction().values<float>();
  CHECK(std::ranges::equal(a, b));
}

TEST_CASE(
    "Plan: tensors that span buckets have the same gradient, and padding is zero in whatever "
    "memory") {
  const Graph graph{tangle()};
  const auto cpu = device();
  ShardRun whole{graph, graph.layout({Sgd{}, {}}), *cpu, {Mode::train, 5}};
  ShardRun cut{graph, graph.layout({Sgd{}, {}}, 128), *cpu, {Mode::train, 5}};
  CHECK(cut.layout.buckets.size() > 10);
  for (ShardRun* const run : {&whole, &cut}) {
    fill_tangle(*run);
    for (const auto& bucket : run->buckets)
      std::memset(bucket->data(), 0xFF, bucket->size_bytes());  // NaN
    run->run();
  }
  const std::vector<float> gradient = whole.gradient();
  CHECK(gradient == cut.gradient());
  CHECK(std::ranges::all_of(gradient, [](float g) { return std::isfinite(g); }));
}

TEST_CASE("Plan: a bucket's bytes are valid at its event, while backward still runs") {
  const Graph graph{tangle()};
  const auto cpu = device();
  ShardRun run{graph, graph.layout({Sgd{}, {}}, 128), *cpu, {Mode::train, 5}};
  fill_tangle(run);
  struct Listener final : SignalListener {
    explicit Listener(ShardRun& r) : run{r} {}
    void signalled(std::uint32_t bucket) override {
      order.push_back(bucket);
      CHECK(run.plan.event(bucket).reached() == 1);
      if (bucket == run.layout.buckets.size()) {
        loss = run.loss();
        return;
      }
      const auto* const data = run.buckets[bucket]->data();
      seen.emplace_back(data, data + run.buckets[bucket]->size_bytes());
      CHECK((bucket + 1 == run.layout.buckets.size() || run.plan.event(bucket + 1).reached() == 0));
    }
    ShardRun& run;
    std::vector<std::uint32_t> order;
    std::vector<std::vector<std::byte>> seen;
    double loss = 0.0;
  } listener{run};
  run.run(&listener);
  REQUIRE(listener.order.size() == run.layout.buckets.size() + 1);
  CHECK(listener.order.front() == run.layout.buckets.size());  // the sums come first
  for (std::size_t i = 0; i < run.layout.buckets.size(); ++i) {
    CHECK(listener.order[i + 1] == i);
    CHECK(std::memcmp(listener.seen[i].data(), run.buckets[i]->data(), listener.seen[i].size()) ==
          0);
  }
  CHECK(listener.loss == run.loss());
  run.plan.event(0).wait(1);
}

TEST_CASE("Plan: bias and activation are fused into the layer before") {
  const auto cpu = device();
  const Graph graph{cnn(Shape{28, 28, 1}, 10)};
  const StateLayout layout = graph.layout({Sgd{}, {}});
  const Plan train{graph, layout, *cpu, {Mode::train, 4}};
  CHECK(count_of<Activate>(train) == 0);
  CHECK(count_of<ActivateBackward>(train) == 3);
  CHECK(count_of<ConvolutionBackwardData>(train) ==
        1);  // none for the first layer: nobody asks for it
  // gelu cannot be undone from its output, so it is fused only where there is no backward.
  ModelBuilder model;
  model.input("x", Shape{4});
  model.input("y", Shape{3});
  model.add("dense", {{"units", std::int64_t{3}}});
  const std::string last = model.add("gelu");
  model.add("mean_squared_error", {}, {last, "y"});
  const Graph smooth{model.description()};
  const StateLayout small = smooth.layout({Sgd{}, {}});
  CHECK(count_of<Activate>(Plan{smooth, small, *cpu, {Mode::train, 2}}) == 1);
  CHECK(count_of<Activate>(Plan{smooth, small, *cpu, {Mode::infer, 2}}) == 0);
}

TEST_CASE(
    "Plan: a shard's rows draw by position, so they do not depend on the shard they are in "
    "(JOB-3)") {
  const Graph graph{[] {
    ModelBuilder m;
    m.input("x", Shape{40});
    m.input("y", Shape{40});
    const std::string dropped = m.add("dropout", {{"rate", 0.5}});
    const std::string out = m.add("dense", {{"units", std::int64_t{40}}}, {dropped});
    m.add("mean_squared_error", {}, {out, "y"});
    return m.description();
  }()};
  const auto cpu = device();
  ShardRun both{graph, graph.layout({Sgd{}, {}}), *cpu, {Mode::train, 8}};
  ShardRun half{graph, graph.layout({Sgd{}, {}}), *cpu, {Mode::train, 4}};
  fill_normal(both.input<float>(0), 1);
  std::ranges::copy(both.input<float>(0).subspan(160), half.input<float>(0).begin());
  both.step.position = 100;
  half.step.position = 104;
  both.run();
  half.run();
  const auto rows = both.plan.prediction().values<float>(),
             second = half.plan.prediction().values<float>();
  CHECK(std::ranges::equal(rows.subspan(160), second));
}

TEST_CASE("Plan: evaluation and inference use running statistics and drop nothing") {
  const Graph graph{tangle()};
  const auto cpu = device();
  const StateLayout layout = graph.layout({Sgd{}, {}});
  ShardRun evaluate{graph, layout, *cpu, {Mode::evaluate, 5}},
      infer{graph, layout, *cpu, {Mode::infer, 5}};
  fill_tangle(evaluate);
  std::ranges::copy(evaluate.input<float>(0), infer.input<float>(0).begin());
  infer.rings[1] = {};  // no target
  evaluate.step.rows = 3;
  evaluate.run();
  infer.run();
  CHECK(evaluate.rows() == 3);
  CHECK(std::ranges::equal(evaluate.plan.prediction().values<float>(),
                           infer.plan.prediction().values<float>()));
}

TEST_CASE("Plan: the batch slot of the StepState picks the rows") {
  const Graph graph{mlp(std::array<std::int64_t, 3>{6, 4, 3})};
  const auto cpu = device();
  ShardRun run{graph, graph.layout({Sgd{}, {}}), *cpu, {Mode::train, 2}};
  std::vector<float> ring(3 * 12 + 16);
  auto* const aligned =
      reinterpret_cast<float*>((reinterpret_cast<std::uintptr_t>(ring.data()) + 63) / 64 * 64);
  for (int i = 0; i < 36; ++i) aligned[i] = static_cast<float>(i);
  run.rings[0] = {reinterpret_cast<const std::byte*>(aligned), 12 * sizeof(float)};
  std::array<std::int32_t, 6> labels{0, 1, 2, 0, 1, 2};
  run.rings[1] = {reinterpret_cast<const std::byte*>(labels.data()), 2 * sizeof(std::int32_t)};
  run.step.batch_slot = 2;
  run.run();
  ShardRun direct{graph, graph.layout({Sgd{}, {}}), *cpu, {Mode::train, 2}};
  std::copy_n(aligned + 24, 12, direct.input<float>(0).begin());
  std::copy_n(labels.begin() + 4, 2, direct.input<std::int32_t>(1).begin());
  direct.run();
  CHECK(run.gradient() == direct.gradient());
}

TEST_CASE("Plan: refuses what it cannot run") {
  const auto cpu = device();
  ModelBuilder model;
  model.input("x", Shape{4});
  model.add("dense", {{"units", std::int64_t{3}}});
  const Graph graph{model.description()};
  const StateLayout layout = graph.layout({Sgd{}, {}});
  CHECK_THROWS_WITH_AS(
      (Plan{graph, layout, *cpu, {Mode::train, 4}}),
      "plan: expected a model that ends with a loss to train or evaluate, got none", Error);
  CHECK_THROWS_AS((Plan{graph, layout, *cpu, {Mode::infer, 0}}), Error);
  CHECK_THROWS_AS((Plan{graph, layout, *cpu, {Mode::infer, std::int64_t{1} << 60}}), Error);
  CHECK_THROWS_AS((Plan{graph, layout, *cpu, {Mode::infer, std::int64_t{1} << 50}}), Error);
  ModelBuilder normed;
  normed.input("x", Shape{4});
  normed.input("y", Shape{4});
  const std::string norm = normed.add("batch_norm");
  normed.add("mean_squared_error", {}, {norm, "y"});
  const Graph ghost{normed.description()};
  CHECK_THROWS_WITH_AS((Plan{ghost, ghost.layout({Sgd{}, {}}), *cpu, {Mode::train, 1}}),
                       "layer 'batch_norm_1': expected shards of 2 values a channel or more, got "
                       "1: a larger batch or "
                       "fewer shards would do (JOB-4)",
                       Error);
  const Graph other{mlp(std::array<std::int64_t, 3>{6, 4, 3})};
  CHECK_THROWS_AS((Plan{graph, other.layout({Sgd{}, {}}), *cpu, {Mode::infer, 4}}), Error);
}

TEST_CASE("Plan: an activation that a library does not fuse is applied to what it puts out") {
  // oneDNN's gelu is refused for its error; its product serves all the same.
  ModelBuilder model;
  model.input("x", Shape{6, 6, 4});
  model.add("conv2d", {{"filters", std::int64_t{16}}, {"kernel", std::int64_t{3}}});
  model.add("gelu");
  model.add("flatten");
  model.add("dense", {{"units", std::int64_t{9}}});
  model.add("gelu");
  const Graph graph{model.description()};
  const auto portable = device(), any = make_cpu_device();
  const StateLayout layout = graph.layout({Sgd{}, {}});
  ShardRun wanted{graph, layout, *portable, {Mode::infer, 7}},
      got{graph, layout, *any, {Mode::infer, 7}};
  CHECK(count_of<Activate>(got.plan) == 0);
  fill_normal(wanted.input<float>(0), 1);
  std::ranges::copy(wanted.input<float>(0), got.input<float>(0).begin());
  wanted.run();
  got.run();
  const auto a = wanted.plan.prediction().values<float>(),
             b = got.plan.prediction().values<float>();
  double squares = 0.0;
  for (const float value : a) squares += double{value} * value;
  const double rms = std::sqrt(squares / static_cast<double>(a.size()));
  for (std::size_t i = 0; i < a.size(); ++i) {
    CHECK(std::abs(a[i] - b[i]) <=
          1e-4 * std::max<double>(std::abs(a[i]), rms));  // the judge's tolerance
  }
}
