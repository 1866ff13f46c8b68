// Sums that arrive before their turn, late, twice and too old, with a parameter server (JOB-9).
#include "actors/aggregator/step_in_flight.hpp"

#include <cstring>
#include <map>

#include "gpu/cpu_device.hpp"
#include "serialization/malformed_frame.hpp"
#include "tests/actors/aggregator/step_fixture.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::actors::test_step;
using serialization::Frame;

namespace {

const std::string asynchronous = R"(,"aggregate":{"parameter_server":{"staleness":"2"}})";

struct Server {
  explicit Server(const std::string& train, int shards = 2)
      : job{make_job(shards, train)},
        device{gpu::make_cpu_device()},
        versions{*job},
        runner{job, *device},
        step{job, {versions.memory.get(), versions.size}, versions.memory, 1} {}

  /// A step's whole sum, from a version that is there.
  Frame sum(std::uint64_t of, std::uint64_t version, Subtree node = {0, 2}) {
    const auto held = versions.slots.hold(version);
    REQUIRE(held);
    return compute(runner, *job, of, node, version, held->state());
  }
  /// The position of the first row that made version `step` + 1.
  std::uint64_t first_position(std::uint64_t of) const {
    std::vector<ShardDigest> digests(job->shards());
    REQUIRE(versions.slots.recorded(of, digests));
    std::uint64_t position = 0;
    std::memcpy(&position, digests[0].data(), sizeof position);
    return position;
  }
  std::vector<std::byte> state(std::uint64_t version) {
    const auto held = versions.slots.hold(version);
    REQUIRE(held);
    return {held->state().begin(), held->state().end()};
  }

  std::shared_ptr<const TrainingJob> job;
  std::unique_ptr<gpu::Device> device;
  Versions versions;
  ShardRunner runner;
  StepInFlight step;
};

}  // namespace

TEST_CASE("JOB-9: sums that come early are applied in their turn, each once") {
  Server server{asynchronous};
  const Frame zero = server.sum(0, 0), one = server.sum(1, 0), two = server.sum(2, 0);
  CHECK(server.step.add(two).newest == 0);
  CHECK(server.step.add(one).newest == 0);
  CHECK(server.step.missing(server.job->id(), 0) == std::vector<Subtree>{{0, 2}});
  CHECK(server.step.add(two).newest == 0);  // again
  const StepInFlight::Result all = server.step.add(zero);
  CHECK(all.newest == 3);
  CHECK(all.ages == std::vector<std::uint64_t>{0, 1, 2});
  CHECK(all.corruption.empty());
  for (std::uint64_t step = 0; step < 3; ++step)
    CHECK(server.first_position(step) == server.job->first_position(step, 0));
  // What is past is dropped.
  const StepInFlight::Result again = server.step.add(one);
  CHECK(again.newest == 3);
  CHECK(again.ages.empty());
}

TEST_CASE("JOB-9: no gradient is older than the staleness allows, and none is further ahead") {
  Server server{asynchronous};
  const Frame far = server.sum(3, 0);  // three versions old
  CHECK(server.step.add(far).newest == 0);
  CHECK(server.step.add(server.sum(0, 0)).newest == 1);
  CHECK_THROWS_AS(server.step.add(far), serialization::MalformedFrame);
  const auto held = server.versions.slots.hold(1);
  REQUIRE(held);
  // Of a step that nobody may compute yet: dropped.
  const Frame ahead = compute(server.runner, *server.job, 4, {0, 2}, 4, held->state());
  CHECK(server.step.add(ahead).newest == 1);
  // Of a version that is not there yet, where it claims so.
  const Frame future = compute(server.runner, *server.job, 2, {0, 2}, 3, held->state());
  CHECK_THROWS_AS(server.step.add(future), serialization::MalformedFrame);
  // A part of a step to come.
  CHECK_THROWS_AS(server.step.add(server.sum(2, 1, {0, 1})), serialization::MalformedFrame);
  CHECK(server.step.add(server.sum(1, 1)).newest == 2);
}

TEST_CASE("JOB-9: a step that one is slow with may be computed by another, and in parts") {
  Server server{asynchronous};
  const Frame old = server.sum(2, 0);
  CHECK(server.step.add(server.sum(1, 0)).newest == 0);
  CHECK(server.step.add(server.sum(0, 0, {0, 1})).newest == 0);
  CHECK(server.step.missing(server.job->id(), 0) == std::vector<Subtree>{{1, 1}});
  CHECK(server.step.add(server.sum(0, 0, {1, 1})).newest == 2);
  // Two copies of the first shard, from two versions, are no sign of broken memory.
  CHECK(server.step.add(server.sum(2, 2, {0, 1})).newest == 2);
  const StepInFlight::Result copy = server.step.add(old);
  CHECK(copy.corruption.empty());
  CHECK(copy.newest == 3);
}

TEST_CASE("without age, a parameter server makes the very versions of synchronous training") {
  Server with{asynchronous}, without{""};
  for (std::uint64_t step = 0; step < 3; ++step) {
    with.step.add(with.sum(step, step));
    without.step.add(without.sum(step, step));
  }
  // Weights and all; only the jobs' names differ.
  CHECK(with.state(3) == without.state(3));
  Server stale{asynchronous};
  const std::vector<Frame> sums{stale.sum(0, 0), stale.sum(1, 0), stale.sum(2, 0)};
  for (const Frame& sum : sums) stale.step.add(sum);
  CHECK(stale.state(3) != without.state(3));
}

TEST_CASE("synchronous training takes nothing early and nothing old") {
  Server server{""};
  const Frame one = server.sum(1, 0);
  CHECK(server.step.add(one).newest == 0);  // dropped
  CHECK(server.step.add(server.sum(0, 0)).newest == 1);
  CHECK_THROWS_AS(server.step.add(one), serialization::MalformedFrame);
  CHECK(server.step.add(server.sum(1, 1)).newest == 2);
}
