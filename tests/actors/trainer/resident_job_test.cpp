#include "actors/trainer/resident_job.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "actors/aggregator/version_update.hpp"
#include "actors/trainer/save_snapshot.hpp"
#include "gpu/cpu_device.hpp"
#include "runtime/base/error.hpp"
#include "tests/actors/aggregator/step_fixture.hpp"
#include "tests/gpu/cuda/test_device.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::actors::test_step;

namespace {

/// The versions that shards and updates in the node's memory give, which is what all is compared with.
std::vector<std::vector<std::byte>> shared_out(const std::shared_ptr<const TrainingJob>& job,
                                               gpu::Device& device) {
  const auto cpu = gpu::make_cpu_device();
  Versions versions{*job};
  ShardRunner runner{job, device};
  StepSum sum{job, *cpu};
  VersionUpdate update{job, *cpu};
  std::vector<std::vector<std::byte>> states;
  for (std::uint64_t step = 0; step < job->steps(); ++step) {
    const auto held = versions.slots.hold(step);
    states.emplace_back(held->state().begin(), held->state().end());
    add(sum, compute(runner, *job, step, {0, job->shards()}, step, held->state()));
    REQUIRE(update.run(versions.slots, step, sum, false) == VersionUpdate::Outcome::committed);
    sum.clear();
  }
  const auto last = versions.slots.hold(job->steps());
  states.emplace_back(last->state().begin(), last->state().end());
  return states;
}

/// A resident job on a device, and the node's memory that it is saved to.
struct World {
  World(std::shared_ptr<const TrainingJob> of, gpu::Device& device)
      : job{std::move(of)},
        versions{*job},
        runner{job, device},
        resident{std::make_unique<ResidentJob>(job, device, runner)} {
    load();
  }
  void load() {
    const auto held = versions.slots.hold_newest();
    resident->load(held->version(), held->state());
  }
  /// @param spoilt  a feature of the first row is not finite
  void step(bool spoilt = false) {
    std::vector<Batch> batches;
    std::vector<ShardInputs> inputs;
    for (std::uint32_t s = 0; s < job->shards(); ++s) {
      batches.push_back(batch(*job, resident->version(), s));
      inputs.push_back(batches.back().inputs);
    }
    const float infinite = std::numeric_limits<float>::infinity();
    if (spoilt) std::memcpy(batches[0].features.get(), &infinite, sizeof infinite);
    resident->step(inputs);
  }
  SnapshotOutcome save() {
    const ResidentJob::Snapshot snapshot = resident->snapshot();
    const SnapshotOutcome outcome = save_snapshot(*resident, snapshot, versions.slots, false);
    resident->release(snapshot);
    return outcome;
  }
  std::vector<std::byte> newest() {
    const auto held = versions.slots.hold_newest();
    return {held->state().begin(), held->state().end()};
  }

  std::shared_ptr<const TrainingJob> job;
  Versions versions;
  ShardRunner runner;
  std::unique_ptr<ResidentJob> resident;
};

}  // namespace

TEST_CASE("ResidentJob: its versions are those of shards that are shared out (JOB-2)") {
  for (const bool emulated : {false, true}) {
    CAPTURE(emulated);
    const auto job = make_job(6);
    const auto device = emulated ? test::cuda::make_test_device() : gpu::make_cpu_device();
    const auto wanted = shared_out(job, *device);
    World world{job, *device};
    for (std::uint64_t version = 1; version <= job->steps(); ++version) {
      world.step();
      if (version % 2 == 0) continue;
      CHECK(world.save() == SnapshotOutcome::committed);
      CHECK(world.newest() == wanted[version]);
    }
    CHECK(world.save() == SnapshotOutcome::committed);
    CHECK(world.versions.slots.newest() == job->steps());
    CHECK(world.newest() == wanted.back());
  }
}

TEST_CASE("ResidentJob: a version that is held stays as it is while steps go on") {
  const auto job = make_job(2);
  const auto device = test::cuda::make_test_device();
  const auto wanted = shared_out(job, *device);
  World world{job, *device};
  world.step();
  const ResidentJob::Snapshot snapshot = world.resident->snapshot();
  for (int i = 0; i < 4; ++i) world.step();
  CHECK_THROWS_WITH_AS(world.resident->snapshot(), doctest::Contains("one snapshot at a time"),
                       Error);
  CHECK(save_snapshot(*world.resident, snapshot, world.versions.slots, false) ==
        SnapshotOutcome::committed);
  CHECK(world.newest() == wanted[1]);
  world.resident->release(snapshot);
  CHECK(world.save() == SnapshotOutcome::committed);
  CHECK(world.newest() == wanted[5]);
}

TEST_CASE("ResidentJob: each step is on record, with its loss and its digests (SLOT-4)") {
  const auto job = make_job(2);
  const auto device = test::cuda::make_test_device();
  World world{job, *device};
  for (std::uint64_t step = 0; step < job->steps(); ++step) {
    world.step();
    if (step == 2) CHECK(world.save() == SnapshotOutcome::committed);
  }
  std::vector<ShardDigest> digests(job->shards());
  CHECK(world.versions.slots.recorded(2, digests));
  CHECK_FALSE(world.versions.slots.recorded(3, digests));
  CHECK(world.save() == SnapshotOutcome::committed);
  for (std::uint64_t step = 0; step < job->steps(); ++step) {
    const auto record = world.versions.slots.recorded(step, digests);
    REQUIRE(record);
    CHECK(record->rows == job->spec().batch);
    CHECK(record->loss > 0.1);
    CHECK(record->loss < 3.0);
    for (std::uint32_t s = 0; s < job->shards(); ++s)
      CHECK(digests[s] == batch(*job, step, s).inputs.digest);
  }
}

TEST_CASE("ResidentJob: what is not finite is found though nobody waited, and named by a replay") {
  const auto job = make_job(2);
  const auto device = test::cuda::make_test_device();
  World world{job, *device};
  world.step();
  CHECK(world.save() == SnapshotOutcome::committed);
  const std::vector<std::byte> before = world.newest();
  world.step();
  world.step(true);
  world.step();
  CHECK(world.save() == SnapshotOutcome::not_finite);
  CHECK(world.versions.slots.newest() == 1);
  world.load();
  CHECK(world.resident->version() == 1);
  world.step();
  CHECK_NOTHROW(world.resident->check());
  world.step(true);
  CHECK_THROWS_WITH_AS(world.resident->check(),
                       doctest::Contains("step 2: expected finite values, got others in "), Error);
  CHECK(world.newest() == before);
}

TEST_CASE("ResidentJob: where the node has no room nothing is lost, and it can be saved later") {
  const auto job = make_job(2);
  const auto device = test::cuda::make_test_device();
  World world{job, *device};
  std::vector<VersionSlots::Writing> taken;
  while (auto writing = world.versions.slots.begin_write()) taken.push_back(*std::move(writing));
  world.step();
  const ResidentJob::Snapshot snapshot = world.resident->snapshot();
  CHECK(save_snapshot(*world.resident, snapshot, world.versions.slots, true) ==
        SnapshotOutcome::no_room);
  world.step();
  taken.clear();
  CHECK(save_snapshot(*world.resident, snapshot, world.versions.slots, true) ==
        SnapshotOutcome::committed);
  CHECK(world.versions.slots.pinned(1));
}

namespace {

/// Batches of samples that are a function of their position, made by the host when the stream comes by.
class FunctionOfPosition final : public gpu::ResidentData {
 public:
  explicit FunctionOfPosition(const TrainingJob& job) : job_{job} {}
  void gather(gpu::Stream&, const gpu::StepState* step, std::byte* features,
              std::byte* labels) override {
    const std::array<std::byte*, 2> to{features, labels};
    fill({step->position, step->position + job_.shard_rows()}, to);
  }

 private:
  const TrainingJob& job_;
};

}  // namespace

TEST_CASE("ResidentJob: of data on the device it makes the same versions, recorded as it is") {
  const auto job = make_job(6);
  const auto device = gpu::make_cpu_device();
  const auto wanted = shared_out(job, *device);
  World world{job, *device};
  world.resident->make_room_for_batches();
  world.resident->set_data(
      {std::make_unique<FunctionOfPosition>(*job), [&](PositionRange positions) {
         ShardDigest digest{};
         std::memcpy(digest.data(), &positions.first, sizeof positions.first);
         return digest;
       }});
  for (const std::size_t steps : {1, 2, 3}) {
    world.resident->run(steps);
    CHECK(world.save() == SnapshotOutcome::committed);
    CHECK(world.newest() == wanted[world.resident->version()]);
  }
  CHECK_THROWS_WITH_AS(world.resident->run(1), doctest::Contains("expected steps of the job"),
                       Error);
  std::vector<ShardDigest> digests(job->shards());
  for (std::uint64_t step = 0; step < job->steps(); ++step) {
    REQUIRE(world.versions.slots.recorded(step, digests));
    CHECK(digests[5] == batch(*job, step, 5).inputs.digest);
  }
  // Begun anew in the middle, after which nothing that was recorded before is used.
  World again{job, *device};
  again.resident->make_room_for_batches();
  again.resident->set_data(
      {std::make_unique<FunctionOfPosition>(*job), [](PositionRange) { return ShardDigest{}; }});
  again.resident->run(4);
  again.load();
  again.resident->run(6);
  CHECK(again.save() == SnapshotOutcome::committed);
  CHECK(again.newest() == wanted[6]);
}

TEST_CASE("ResidentJob: where the device has no room for batches the host's are taken") {
  const auto job = make_job(2);
  const auto device = test::cuda::make_test_device();
  const auto wanted = shared_out(job, *device);
  World world{job, *device};
  world.step();
  std::vector<std::shared_ptr<gpu::Storage>> all;
  for (std::size_t bytes = std::size_t{1} << 27; bytes >= 64;) {
    try {
      all.push_back(device->allocate(bytes, "a test"));
    } catch (const Error&) {
      bytes /= 2;
    }
  }
  CHECK_THROWS_WITH_AS(world.resident->make_room_for_batches(),
                       doctest::Contains("bytes for input '"), Error);
  world.step();
  CHECK(world.save() == SnapshotOutcome::committed);
  CHECK(world.newest() == wanted[2]);
  all.clear();
  CHECK_NOTHROW(world.resident->make_room_for_batches());
}

TEST_CASE("ResidentJob: steps end where a snapshot is due") {
  const auto job = std::make_shared<TrainingJob>(
      training_job_text(5, 1000, gpu::Shape{width}, 3, R"([{"dense":{"units":"3"}}])",
                        R"({"steps":"1000","batch":"4","shards":"1"})"));
  const auto device = gpu::make_cpu_device();
  World world{job, *device};
  for (std::size_t i = 0; i < ResidentJob::most_unsaved; ++i) world.step();
  CHECK_THROWS_WITH_AS(world.step(), doctest::Contains("expected a snapshot after"), Error);
  CHECK(world.save() == SnapshotOutcome::committed);
  CHECK_NOTHROW(world.step());
}
