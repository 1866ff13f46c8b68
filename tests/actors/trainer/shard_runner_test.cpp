#include "actors/trainer/shard_runner.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "actors/aggregator/version_update.hpp"
#include "actors/trainer/shard_worker.hpp"
#include "actors/trainer/step_times.hpp"
#include "gpu/cpu_device.hpp"
#include "runtime/base/canonical_tree.hpp"
#include "runtime/base/error.hpp"
#include "tests/actors/aggregator/step_fixture.hpp"
#include "tests/gpu/cuda/test_device.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::actors::test_step;
using serialization::Frame;

namespace {

/// The state after the job's first steps, each cut into the parts that `cut` makes of its shards.
template <class Cut>
std::vector<std::byte> train(const std::shared_ptr<const TrainingJob>& job, gpu::Device& device,
                             Cut cut) {
  const auto cpu = gpu::make_cpu_device();
  Versions versions{*job};
  ShardRunner runner{job, device};
  StepSum sum{job, *cpu};
  VersionUpdate update{job, *cpu};
  for (std::uint64_t step = 0; step < 3; ++step) {
    const auto held = versions.slots.hold(step);
    for (const Subtree node : cut(job->shards()))
      CHECK(add(sum, compute(runner, *job, step, node, step, held->state())) ==
            StepSum::Arrival::added);
    REQUIRE(sum.complete());
    CHECK(update.run(versions.slots, step, sum, false) == VersionUpdate::Outcome::committed);
    sum.clear();
  }
  const auto last = versions.slots.hold(3);
  return {last->state().begin(), last->state().end()};
}

std::vector<Subtree> whole(std::uint32_t shards) {
  return {{0, shards}};
}
std::vector<Subtree> one_by_one(std::uint32_t shards) {
  std::vector<Subtree> nodes;
  for (std::uint32_t s = shards; s-- > 0;) nodes.push_back({s, 1});
  return nodes;
}

}  // namespace

TEST_CASE(
    "ShardRunner: a device with memory of its own gives one hash, however a step is cut (JOB-2)") {
  const auto job = make_job(6);
  const auto device = test::cuda::make_test_device();
  const std::vector<std::byte> state = train(job, *device, whole);
  CHECK(train(job, *device, one_by_one) == state);
  CHECK(train(job, *test::cuda::make_test_device(false), one_by_one) == state);
}

TEST_CASE("ShardRunner: a device with memory of its own computes the CPU's gradient") {
  const auto job = make_job(6);
  Versions versions{*job};
  const auto held = versions.slots.hold(0);
  const auto sum_on = [&](gpu::Device& device) {
    ShardRunner runner{job, device};
    return compute(runner, *job, 0, {0, 6}, 0, held->state());
  };
  const Frame got = sum_on(*test::cuda::make_test_device()),
              wanted = sum_on(*gpu::make_cpu_device());
  const auto* const here = reinterpret_cast<const float*>(got.payload(0).data());
  const auto* const there = reinterpret_cast<const float*>(wanted.payload(0).data());
  double difference = 0.0, size = 0.0;
  for (std::size_t i = 0; i < job->layout().parameter_elements; ++i) {
    difference += std::pow(double{here[i]} - double{there[i]}, 2);
    size += std::pow(double{there[i]}, 2);
  }
  CHECK(size > 0.0);
  CHECK(std::sqrt(difference / size) < 1e-4);
}

TEST_CASE("ShardRunner: a step that is measured has the same bits, and tells its phases once") {
  const auto job = make_job(6);
  const auto device = test::cuda::make_test_device();
  Versions versions{*job};
  const auto held = versions.slots.hold(0);
  ShardRunner runner{job, *device};
  const Frame wanted = compute(runner, *job, 0, {0, 4}, 0, held->state());
  StepTimer timer{*device, job->layout().buckets.size()};
  for (const std::uint32_t count : {4, 2}) {
    CAPTURE(count);
    timer.want();
    const Frame got = compute(runner, *job, 0, {0, count}, 0, held->state(), &timer);
    if (count == 4) CHECK(std::ranges::equal(got.payload(0), wanted.payload(0)));
    const auto times = timer.take();
    REQUIRE(times);
    CHECK(times->batch >= 0.0);
    CHECK(times->leave >= 0.0);
    CHECK(times->update == 0.0);
    compute(runner, *job, 0, {0, count}, 0, held->state(), &timer);
    CHECK_FALSE(timer.take());
  }
}

TEST_CASE("ShardWorker: a part is computed from the newest version that it may be from") {
  const auto job = make_job(6);
  Versions versions{*job};
  ShardWorker worker{job, {}};
  const Batch inputs = batch(*job, 0, 2);
  const auto sum = [&](std::uint64_t step, bool measures) {
    return worker.sum({step, {2, 1}}, std::array{inputs.inputs}, versions.slots, measures);
  };
  const ShardWorker::Sum first = sum(0, false);
  CHECK_FALSE(first.frame.empty());
  CHECK_FALSE(first.measured);
  CHECK(sum(1, false).frame.empty());  // its version is not there
  const ShardWorker::Sum again = sum(0, true);
  CHECK(std::ranges::equal(again.frame.payload(0), first.frame.payload(0)));
  REQUIRE(again.measured);
  CHECK(again.measured->times);
  CHECK(again.measured->flops > 0.0);
  CHECK(again.measured->peak > 0.0);
}

TEST_CASE("ShardRunner: inputs of another size are refused, and the next ones are computed") {
  const auto job = make_job(6);
  const auto device = test::cuda::make_test_device();
  Versions versions{*job};
  ShardRunner runner{job, *device};
  const auto held = versions.slots.hold(0);
  Batch broken = batch(*job, 0, 0);
  broken.inputs.inputs[0] = broken.inputs.inputs[0].first(4);
  CHECK_THROWS_WITH_AS(runner.sum(0, {0, 1}, std::array{broken.inputs}, 0, held->state()),
                       doctest::Contains("of a shard: expected "), Error);
  const Frame after = compute(runner, *job, 0, {0, 2}, 0, held->state());
  ShardRunner fresh{job, *device};
  const Frame wanted = compute(fresh, *job, 0, {0, 2}, 0, held->state());
  CHECK(std::ranges::equal(after.payload(0), wanted.payload(0)));
}
