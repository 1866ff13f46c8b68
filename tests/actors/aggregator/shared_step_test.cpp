// Shards that are computed by several, in any order, twice or in parts, give the version that one loop computes.
#include <capnp/message.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include "actors/aggregator/step_sum.hpp"
#include "actors/aggregator/version_update.hpp"
#include "actors/trainer/shard_runner.hpp"
#include "gpu/cpu_device.hpp"
#include "runtime/base/aligned_block.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/random.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/model_state.hpp"
#include "serialization/schema/training.capnp.h"
#include "tests/actors/aggregator/step_fixture.hpp"
#include "tests/support/error_code.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::actors::test_step;
using namespace troupe::gpu;
using serialization::Frame;

namespace {

}  // namespace

TEST_CASE("JOB-2, JOB-5: parts in any order, twice and overlapping, give the bits of one loop") {
  for (const int shards : {1, 6, 8}) {
    CAPTURE(shards);
    const auto job = make_job(shards);
    const auto device = make_cpu_device();
    nn::LocalJob local{job->graph(), *device, job->spec()};
    const nn::BatchSource source = [](PositionRange positions, std::span<std::byte* const> inputs) {
      fill(positions, inputs);
    };
    Versions versions{*job};
    ShardRunner one{job, *device}, two{job, *device};
    StepSum sum{job, *device};
    VersionUpdate update{job, *device};
    std::minstd_rand random{static_cast<unsigned>(shards)};
    for (std::uint64_t step = 0; step < job->steps(); ++step) {
      const auto before = versions.slots.hold(step);
      REQUIRE(before);
      std::vector<Subtree> nodes;
      for (std::uint32_t s = 0; s < job->shards(); ++s) nodes.push_back({s, 1});
      for (const Subtree node : maximal_subtrees({0, (job->shards() + 1) / 2}, job->shards()))
        nodes.push_back(node);
      std::ranges::shuffle(nodes, random);
      for (const Subtree node : nodes) {
        CHECK((sum.missing().empty()) == sum.complete());
        const Frame part =
            compute(random() % 2 == 0 ? one : two, *job, step, node, step, before->state());
        CHECK(add(sum, part) != StepSum::Arrival::different);
      }
      REQUIRE(sum.complete());
      std::uint64_t position = 1;
      std::memcpy(&position, sum.digests()[0].data(), sizeof position);
      CHECK(position == job->first_position(step, 0));
      CHECK(update.run(versions.slots, step, sum, false) == VersionUpdate::Outcome::committed);
      CHECK(update.run(versions.slots, step, sum, false) == VersionUpdate::Outcome::committed);
      const auto result = local.step(source);
      CHECK(result.loss == sum.mean_loss());
      const auto after = versions.slots.hold(step + 1);
      REQUIRE(after);
      CHECK(std::memcmp(after->state().data(), local.state().data(), local.state().size()) == 0);
      sum.clear();
    }
  }
}

TEST_CASE("a copy of a shard with other bits is seen") {
  const auto job = make_job(6);
  const auto device = make_cpu_device();
  Versions versions{*job};
  ShardRunner runner{job, *device};
  StepSum sum{job, *device};
  const auto held = versions.slots.hold(0);
  const Frame part = compute(runner, *job, 0, {2, 1}, 0, held->state());
  CHECK(add(sum, part) == StepSum::Arrival::added);
  CHECK(add(sum, part) == StepSum::Arrival::same);
  const Frame wrong = Frame::from_bytes(part.bytes(), 1 << 20);
  const_cast<std::byte*>(wrong.payload(0).data())[5] ^= std::byte{1};
  CHECK(add(sum, wrong) == StepSum::Arrival::different);
  CHECK(sum.missing() == std::vector<Subtree>{{0, 2}, {3, 1}, {4, 2}});
}

TEST_CASE("a gradient that is not finite makes no version, and is told by step and parameter") {
  const auto job = make_job(1);
  const auto device = make_cpu_device();
  Versions versions{*job};
  ShardRunner runner{job, *device};
  StepSum sum{job, *device};
  Batch broken = batch(*job, 0, 0);
  reinterpret_cast<float*>(broken.features.get())[3] = std::numeric_limits<float>::infinity();
  const auto held = versions.slots.hold(0);
  add(sum, runner.sum(0, {0, 1}, std::array{broken.inputs}, 0, held->state()));
  VersionUpdate update{job, *device};
  try {
    update.run(versions.slots, 0, sum, false);
    CHECK(false);
  } catch (const Error& error) {
    CHECK(std::string{error.what()}.starts_with("step 0: expected finite values, got others in "));
  }
  CHECK(versions.slots.newest() == 0);
}

TEST_CASE(
    "the comparison can fail: a running sum, one other draw or another seed give other bits") {
  const auto job = make_job(8);
  const auto device = make_cpu_device();
  const auto state_after = [&](const TrainingJob& trained, const nn::BatchSource& source) {
    nn::LocalJob local{trained.graph(), *device, trained.spec()};
    for (int step = 0; step < 3; ++step) local.step(source);
    return std::vector<std::byte>{local.state().begin(), local.state().end()};
  };
  const nn::BatchSource source = [](PositionRange positions, std::span<std::byte* const> inputs) {
    fill(positions, inputs);
  };
  const std::vector<std::byte> right = state_after(*job, source);
  CHECK(right == state_after(*job, source));

  const nn::BatchSource perturbed = [](PositionRange positions,
                                       std::span<std::byte* const> inputs) {
    fill(positions, inputs);
    if (positions.first <= 60 && positions.last > 60)
      reinterpret_cast<float*>(inputs[0])[(60 - positions.first) * width] += 0x1p-20F;
  };
  CHECK(right != state_after(*job, perturbed));
  std::string other = job->text();
  other.replace(other.find("\"seed\":5"), 8, "\"seed\":6");
  CHECK(right != state_after(TrainingJob{other}, source));

  // ((0 + 1) + 2) + … in place of the tree.
  ShardRunner runner{job, *device};
  Versions versions{*job};
  const auto held = versions.slots.hold(0);
  StepSum sum{job, *device};
  std::vector<Frame> parts;
  for (std::uint32_t s = 0; s < job->shards(); ++s) {
    parts.push_back(compute(runner, *job, 0, {s, 1}, 0, held->state()));
    add(sum, parts.back());
  }
  const std::span<const float> first = parts[0].payload_of<float>(0);
  std::vector<float> running(first.begin(), first.end());
  for (std::uint32_t s = 1; s < job->shards(); ++s) {
    const std::span<const float> part = parts[s].payload_of<float>(0);
    for (std::size_t i = 0; i < running.size(); ++i) running[i] += part[i];
  }
  const auto hash_of_next_version = [&] {
    Versions next{*job};
    CHECK(VersionUpdate{job, *device}.run(next.slots, 0, sum, false) ==
          VersionUpdate::Outcome::committed);
    return serialization::state_hash(job->layout(), next.slots.hold(1)->state(), 1);
  };
  const auto by_the_tree = hash_of_next_version();
  CHECK(by_the_tree == hash_of_next_version());
  std::memcpy(const_cast<std::byte*>(sum.buckets().front()), running.data(),
              running.size() * sizeof(float));
  CHECK(by_the_tree != hash_of_next_version());
}

TEST_CASE("JOB-6: the update's bits do not depend on how many threads share it") {
  const auto job = make_job(2, "", 100'000);
  REQUIRE(job->layout().parameter_elements > 3 * (1 << 18));
  const auto device = make_cpu_device();
  const auto state_after = [&](unsigned threads) {
    Versions versions{*job};
    ShardRunner runner{job, *device};
    StepSum sum{job, *device};
    VersionUpdate update{job, *device, threads};
    for (std::uint64_t step = 0; step < 2; ++step) {
      const auto held = versions.slots.hold(step);
      REQUIRE(held);
      add(sum, compute(runner, *job, step, {0, 2}, step, held->state()));
      REQUIRE(update.run(versions.slots, step, sum, false) == VersionUpdate::Outcome::committed);
      sum.clear();
    }
    const auto held = versions.slots.hold(2);
    REQUIRE(held);
    return std::vector<std::byte>{held->state().begin(), held->state().end()};
  };
  const std::vector<std::byte> one = state_after(1);
  for (const unsigned threads : {2U, 3U, 5U}) {
    CAPTURE(threads);
    CHECK(state_after(threads) == one);
  }
}
