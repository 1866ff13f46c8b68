#include <cmath>
#include <cstring>
#include <random>
#include <span>
#include <vector>

#include "gpu/cpu_device.hpp"
#include "gpu/nn/local_job.hpp"
#include "gpu/nn/models.hpp"
#include "runtime/base/error.hpp"
#include "tests/gpu/cuda/test_device.hpp"

using namespace troupe;
using namespace troupe::gpu;
using namespace troupe::gpu::nn;

namespace {

constexpr std::int64_t side = 8, classes = 3;

void fill_batch(PositionRange positions, std::span<std::byte* const> inputs) {
  auto* const images = reinterpret_cast<float*>(inputs[0]);
  auto* const labels = reinterpret_cast<std::int32_t*>(inputs[1]);
  for (std::uint64_t p = positions.first; p < positions.last; ++p) {
    std::mt19937_64 random{p};
    std::normal_distribution<float> normal;
    const std::uint64_t row = p - positions.first;
    labels[row] = static_cast<std::int32_t>(random() % classes);
    for (std::int64_t i = 0; i < side * side; ++i) {
      images[static_cast<std::int64_t>(row) * side * side + i] =
          normal(random) + static_cast<float>(labels[row]) * 0.5F;
    }
  }
}

std::vector<std::byte> state_of(Device& device, const LocalJob& job) {
  std::vector<std::byte> state(job.state().size());
  const auto stream = device.make_stream();
  stream->copy(state.data(), job.state().data(), state.size());
  stream->synchronize();
  return state;
}

double distance(std::span<const std::byte> got, std::span<const std::byte> wanted,
                std::size_t elements) {
  const auto* const a = reinterpret_cast<const float*>(got.data());
  const auto* const b = reinterpret_cast<const float*>(wanted.data());
  double difference = 0.0, size = 0.0;
  for (std::size_t i = 0; i < elements; ++i) {
    difference += std::pow(double{a[i]} - double{b[i]}, 2);
    size += std::pow(double{b[i]}, 2);
  }
  return std::sqrt(difference / size);
}

struct Outcome {
  std::vector<double> losses;
  std::vector<std::byte> state;
  std::size_t parameters = 0;
};

Outcome train(Device& device, const Graph& graph, const JobSpec& spec, int steps) {
  LocalJob job{graph, device, spec};
  Outcome outcome;
  for (int i = 0; i < steps; ++i) outcome.losses.push_back(job.step(fill_batch).loss);
  outcome.state = state_of(device, job);
  outcome.parameters = job.layout().parameter_elements;
  return outcome;
}

/// On the GPU, recorded and not, and in f32 on the CPU.
void check_same_job(const OptimizerSpec& optimizer, DType precision, double tolerance) {
  const Graph graph{
      cnn(Shape{side, side, 1}, classes, {.batch_norm = true, .dropout = 0.3, .smoothing = 0.1})};
  JobSpec spec;
  spec.seed = 5;
  spec.batch = 16;
  spec.shards = 4;
  spec.optimizer = optimizer;
  spec.schedule.rate = 0.01;
  spec.bucket_bytes = 4096;
  const auto cpu = make_cpu_device({1, CpuBackend::reference});
  const auto recorded = test::cuda::make_test_device(true);
  const auto plain = test::cuda::make_test_device(false);
  constexpr int steps = 4;
  const Outcome wanted = train(*cpu, graph, spec, steps);
  spec.precision = precision;
  const Outcome got = train(*recorded, graph, spec, steps);
  const Outcome again = train(*plain, graph, spec, steps);
  CHECK(got.losses == again.losses);
  CHECK(got.state == again.state);
  for (int i = 0; i < steps; ++i) {
    const auto at = static_cast<std::size_t>(i);
    CHECK(got.losses[at] == doctest::Approx(wanted.losses[at]).epsilon(tolerance));
  }
  CHECK(distance(got.state, wanted.state, wanted.parameters) < tolerance);
}

}  // namespace

TEST_CASE("CUDA: a job is the CPU's but for the order of sums, recorded or not: sgd") {
  check_same_job({Sgd{.momentum = 0.9, .nesterov = true, .weight_decay = 1e-3}, {}}, DType::f32,
                 1e-4);
}
TEST_CASE("CUDA: a job is the CPU's but for the order of sums, recorded or not: adam, clipped") {
  check_same_job({AdamW{}, 0.5}, DType::f32, 1e-4);
}
TEST_CASE("CUDA: a job in bf16 is near the one in f32, recorded or not") {
  check_same_job({Sgd{.momentum = 0.9}, {}}, DType::bf16, 2e-2);
}

TEST_CASE("CUDA: a job goes on from what another saved") {
  const Graph graph{mlp(std::vector<std::int64_t>{side * side, 16, classes})};
  JobSpec spec;
  spec.batch = 8;
  spec.optimizer = {Adam{}, {}};
  const auto device = test::cuda::make_test_device();
  LocalJob whole{graph, *device, spec};
  for (int i = 0; i < 2; ++i) whole.step(fill_batch);
  const std::vector<std::byte> saved = state_of(*device, whole);
  for (int i = 0; i < 2; ++i) whole.step(fill_batch);
  LocalJob resumed{graph, *device, spec};
  resumed.restore(2, saved);
  for (int i = 0; i < 2; ++i) resumed.step(fill_batch);
  CHECK(state_of(*device, resumed) == state_of(*device, whole));
}

TEST_CASE("CUDA: what is not finite is named, and the state stays as it was") {
  const Graph graph{mlp(std::vector<std::int64_t>{side * side, 16, classes})};
  JobSpec spec;
  spec.batch = 8;
  spec.optimizer = {Sgd{}, {}};
  const auto device = test::cuda::make_test_device();
  LocalJob job{graph, *device, spec};
  job.step(fill_batch);
  const std::vector<std::byte> before = state_of(*device, job);
  const auto poisoned = [](PositionRange positions, std::span<std::byte* const> inputs) {
    fill_batch(positions, inputs);
    reinterpret_cast<float*>(inputs[0])[3] = std::nanf("");
  };
  CHECK_THROWS_WITH_AS(job.step(poisoned),
                       doctest::Contains("step 1: expected finite values, got others in "), Error);
  CHECK(state_of(*device, job) == before);
  CHECK(std::isfinite(job.step(fill_batch).loss));
}
