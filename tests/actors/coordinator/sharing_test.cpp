// Who computes what, decided by what trainers tell of their speed, or in turns; on virtual time.
#include "actors/coordinator/training.hpp"

#include <capnp/message.h>

#include <map>

#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/cluster/node_core.hpp"
#include "runtime/cluster/shared_memory.hpp"
#include "runtime/testing/test_node.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/training.capnp.h"
#include "tests/support/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::runtime;
using namespace std::chrono_literals;
using serialization::make_frame;
using serialization::read_head;

namespace {

struct Leased {
  Subtree shards;
  std::uint32_t every = 0, turn = 0;
  friend bool operator==(const Leased&, const Leased&) = default;
};

/// What is under test, and what those heard who were told something.
struct World {
  explicit World(const std::string& train = "", SharePolicy policy = SharePolicy::least_loaded) {
    options.job = std::make_shared<TrainingJob>(
        training_job_text(5, 1000, gpu::Shape{4}, 3, R"([{"dense":{"units":"3"}}])",
                          R"({"steps":"100","batch":"64","shards":"8")" + train + "}"));
    options.ledger = folder.path() + "/ledger";
    options.machine = folder.path() + "/machine.json";
    options.checkpoints = folder.path() + "/checkpoints";
    options.policy = policy;
    options.probe.emplace();
    add_type("lead", [this](Context& context) { return std::make_unique<Lead>(context, *this); });
    add_type("listener",
             [this](Context& context) { return std::make_unique<Listener>(context, *this); });
    node = std::make_unique<TestNode>(registry);
    node->core().memories().add(
        std::make_shared<SharedMemory>(SharedMemory::create("versions", std::size_t{16} << 20U)));
  }
  template <class Make>
  void add_type(const std::string& name, Make make) {
    ActorType type;
    type.name = name;
    type.help = "Stands in a test.";
    type.make = [make](Context& context, const Parameters&) -> std::unique_ptr<Actor> {
      return make(context);
    };
    registry.add(std::move(type));
  }
  void start(int trainers) {
    SupervisorSpec root;
    const auto add = [&root](const std::string& name, const std::string& type) {
      ChildSpec child;
      child.name = name;
      child.type = type;
      root.children.push_back(child);
    };
    add("lead", "lead");
    add("aggregator", "listener");
    for (int i = 0; i < trainers; ++i) add(trainer(i), "listener");
    node->start(root);
    training->join({"aggregator", "/aggregator", 1, 0, {}});
    for (int i = 0; i < trainers; ++i)
      training->join({"trainer", '/' + trainer(i), 1, options.job->id(), options.probe});
    training->start();
    node->run();
    REQUIRE(training->version() == 0);
  }
  static std::string trainer(int i) { return "trainer" + std::to_string(i); }
  void tell_pace(int i, std::uint64_t shards, double seconds) {
    training->hear_pace('/' + trainer(i), 1, options.job->id(), shards, seconds);
    node->run();
  }
  std::vector<std::uint32_t> counts() const {
    std::vector<std::uint32_t> result;
    for (const auto& [path, lease] : leases)
      if (path != "/aggregator") result.push_back(lease.shards.count);
    return result;
  }

  class Lead final : public Actor {
   public:
    Lead(Context& context, World& world) {
      world.training = std::make_unique<Training>(context, world.options, Training::Listener{});
    }
    void handles(Handlers&) override {}
  };
  class Listener final : public Actor {
   public:
    Listener(Context& context, World& world) : path_{context.path()}, world_{world} {}
    void handles(Handlers& on) override {
      on.tell<wire::TrainingPlan>([this](const Frame& frame) {
        read_head<wire::TrainingPlan>(frame, [&](wire::TrainingPlan::Reader head) {
          const auto lease = head.getLease();
          world_.leases[path_] = {
              {lease.getFirst(), lease.getCount()}, lease.getEvery(), lease.getTurn()};
          ++world_.plans;
        });
      });
    }

   private:
    const std::string path_;
    World& world_;
  };

  test::TemporaryFolder folder;
  TrainingOptions options;
  Registry registry;
  std::map<std::string, Leased> leases;
  int plans = 0;
  std::unique_ptr<TestNode> node;
  std::unique_ptr<Training> training;
  ~World() {
    training.reset();
    node.reset();
  }
};

}  // namespace

TEST_CASE("shards follow measured speed, and only when that is worth it") {
  World world;
  world.start(2);
  CHECK(world.counts() == std::vector<std::uint32_t>{4, 4});
  world.tell_pace(0, 100, 1.0);  // the other counts as equal
  CHECK(world.counts() == std::vector<std::uint32_t>{4, 4});
  world.tell_pace(1, 300, 1.0);
  CHECK(world.counts() == std::vector<std::uint32_t>{2, 6});
  const int plans = world.plans;
  world.tell_pace(1, 310, 1.0);
  world.tell_pace(0, 101, 1.0);
  CHECK(world.plans == plans);
  for (int i = 0; i < 5; ++i) world.tell_pace(1, 100, 1.0);  // it has become slower
  CHECK(world.counts() == std::vector<std::uint32_t>{4, 4});
}

TEST_CASE("a trainer that was so slow that it has nothing to do is tried again") {
  World world;
  world.start(2);
  world.tell_pace(0, 1, 10.0);
  world.tell_pace(1, 100, 1.0);
  CHECK(world.counts() == std::vector<std::uint32_t>{0, 8});
  world.tell_pace(1, 100, 1.0);
  CHECK(world.counts() == std::vector<std::uint32_t>{0, 8});
  world.node->advance(31s);
  world.tell_pace(1, 100, 1.0);
  CHECK(world.counts() == std::vector<std::uint32_t>{4, 4});
}

TEST_CASE("what others say of a trainer, or of another job, counts nothing") {
  World world;
  world.start(2);
  world.training->hear_pace("/trainer0", 7, world.options.job->id(), 1, 1.0);
  world.training->hear_pace("/trainer1", 1, world.options.job->id() + 1, 1000, 1.0);
  world.training->hear_pace("/nobody", 1, world.options.job->id(), 1000, 1.0);
  world.node->run();
  CHECK(world.counts() == std::vector<std::uint32_t>{4, 4});
}

TEST_CASE("round_robin asks nobody how fast they are") {
  World world{"", SharePolicy::round_robin};
  world.start(2);
  world.tell_pace(0, 100, 1.0);
  world.tell_pace(1, 900, 1.0);
  CHECK(world.counts() == std::vector<std::uint32_t>{4, 4});
}

TEST_CASE("a parameter server leases whole steps in turn, and anew when a trainer ends") {
  World world{R"(,"aggregate":"parameter_server")"};
  world.start(3);
  for (std::uint32_t i = 0; i < 3; ++i)
    CHECK(world.leases.at('/' + World::trainer(static_cast<int>(i))) == Leased{{0, 8}, 3, i});
  world.node->kill("/trainer1");
  world.node->run();
  CHECK(world.leases.at("/trainer0") == Leased{{0, 8}, 2, 0});
  CHECK(world.leases.at("/trainer2") == Leased{{0, 8}, 2, 1});
}
