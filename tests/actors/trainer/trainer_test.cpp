#include "actors/trainer/trainer.hpp"

#include <capnp/message.h>

#include <array>
#include <chrono>
#include <cstring>
#include <memory>

#include "actors/job/training_job.hpp"
#include "actors/versions/version_slots.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/cluster/node_core.hpp"
#include "runtime/cluster/shared_memory.hpp"
#include "runtime/testing/test_node.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/data.capnp.h"
#include "serialization/schema/training.capnp.h"
#include "tests/support/doctest_std.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::runtime;
using namespace std::chrono_literals;
using serialization::make_frame;
using serialization::read_head;

namespace {

constexpr std::int64_t width = 4;

/// What loader and aggregator do, and what they were asked.
struct World {
  bool has_data = true, has_plan = true;
  std::uint64_t job = 0;
  int loads = 0, sums = 0;
};

/// Stands for a loader and for an aggregator.
class Peer final : public Actor {
 public:
  explicit Peer(World& world) : world_{world} {}
  void handles(Handlers& on) override {
    on.ask<wire::LoadShard>([this](const Frame& question, Reply reply) {
      ++world_.loads;
      if (!world_.has_data) return reply.refuse("no data yet");
      std::uint64_t first = 0;
      std::uint32_t rows = 0;
      read_head<wire::LoadShard>(question, [&](wire::LoadShard::Reader head) {
        first = head.getFirstPosition();
        rows = head.getRows();
      });
      const std::vector<float> features(rows * width, 0.5F);
      const std::vector<std::int32_t> labels(rows, 1);
      const std::array<std::uint8_t, 16> digest{};
      reply.answer(make_frame<wire::LoadedShard>(
          [&](auto head) {
            head.setFirstPosition(first);
            head.setRows(rows);
            head.setDigest({digest.data(), digest.size()});
          },
          features, labels));
    });
    on.tell<wire::Attach>([](const Frame&) {});
    on.ask<wire::PartialSum>([this](const Frame&, Reply reply) {
      if (!world_.has_plan) return reply.refuse("there is no job yet");
      ++world_.sums;
      reply.answer(make_frame<wire::VersionReady>([this](auto head) { head.setJob(world_.job); }));
    });
    on.ask<wire::WantWork>([](const Frame&, Reply reply) { reply.refuse("none"); });
  }

 private:
  World& world_;
};

ChildSpec child(std::string name, std::string type, Parameters with = {}) {
  ChildSpec spec;
  spec.name = std::move(name);
  spec.type = std::move(type);
  spec.parameters = std::move(with);
  return spec;
}

struct Fixture {
  Fixture() {
    add_trainer_type(registry);
    registry.add({"peer", "Stands for others.", {}, [this](Context&, const Parameters&) {
                    return std::make_unique<Peer>(world);
                  }});
    world.job = job.id();
    node = std::make_unique<TestNode>(registry);
    auto memory = std::make_shared<SharedMemory>(SharedMemory::create(
        "versions", VersionSlots::size_bytes(job.layout().slot_bytes, job.shards())));
    node->core().memories().add(memory);
    VersionSlots slots = VersionSlots::make(memory->writable_bytes(), job.id(),
                                            job.layout().slot_bytes, job.shards());
    auto first = slots.begin_write();
    job.graph().initialise(job.layout(), job.spec().seed, first->state());
    slots.commit(*std::move(first), 0, false);
    SupervisorSpec root;
    root.children = {child("loader", "peer"), child("aggregator", "peer"),
                     child("trainer", "trainer",
                           Parameters{{{"coordinator", std::string{"/coordinator"}},
                                       {"loader", std::string{}},
                                       {"prefetch", std::int64_t{0}},
                                       {"backup_after", Duration{1s}},
                                       {"gpu", std::int64_t{-1}},
                                       {"plan_cache", std::string{}}}})};
    node->start(root);
  }

  /// As a coordinator says it when it knows of a loader, or of none yet.
  void plan(std::uint64_t generation, bool has_loader) {
    node->tell<wire::TrainingPlan>("/trainer", make_frame<wire::TrainingPlan>([&](auto head) {
                                     head.setJob(job.text());
                                     head.setMemory("versions");
                                     head.setAdmitted(true);
                                     head.setAggregator("/aggregator");
                                     if (has_loader) head.initLoaders(1).set(0, "/loader");
                                     auto lease = head.initLease();
                                     lease.setGeneration(generation);
                                     lease.setFirst(0);
                                     lease.setCount(job.shards());
                                   }));
    node->run();
  }

  const TrainingJob job{training_job_text(5, 100, gpu::Shape{width}, 2,
                                          R"([{"dense":{"units":"2"}}])",
                                          R"({"steps":"3","batch":"8","shards":"2"})")};
  World world;
  Registry registry;
  std::unique_ptr<TestNode> node;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "trainer: computes its lease, and sends one sum") {
  plan(1, true);
  CHECK(world.loads == 2);
  CHECK(world.sums == 1);
  node->advance(500ms);
  CHECK(world.sums == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "trainer: a batch whose retry found no loader is asked for when there is one") {
  world.has_data = false;
  plan(1, true);
  CHECK(world.loads == 2);
  plan(2, false);  // of a coordinator that has just begun
  node->advance(100ms);
  world.has_data = true;
  plan(3, true);
  CHECK(world.sums == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "trainer: a sum that one aggregator heard is sent until its successor hears it") {
  plan(1, true);
  CHECK(world.sums == 1);
  world.has_plan = false;  // of the successor, at first
  node->kill("/aggregator");
  node->run();
  node->advance(100ms);
  CHECK(world.sums == 1);
  world.has_plan = true;
  node->advance(100ms);
  CHECK(world.sums == 2);
}
