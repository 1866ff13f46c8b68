#include "actors/checkpointer/checkpointer.hpp"

#include <capnp/message.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "actors/job/training_job.hpp"
#include "actors/versions/version_slots.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/base/file.hpp"
#include "runtime/cluster/node_core.hpp"
#include "runtime/cluster/shared_memory.hpp"
#include "runtime/testing/test_node.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/training.capnp.h"
#include "serialization/sha256.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::runtime;
using namespace std::chrono_literals;
using serialization::make_frame;

namespace {

struct World {
  const TrainingJob job{training_job_text(1, 100, gpu::Shape{4}, 2, R"([{"dense":{"units":"2"}}])",
                                          R"({"steps":"10","batch":"10"})")};
  test::TemporaryFolder folder;
  std::vector<std::uint64_t> wanted{3, 3, 5, 3};  ///< versions, asked for at once
  std::vector<std::string> heard;                 ///< a folder, or why not
};

/// Stands for a coordinator.
class Asker final : public Actor {
 public:
  Asker(Context& context, World& world) {
    for (const std::uint64_t version : world.wanted) {
      context.ask<wire::SaveVersion>(
          context.ref("/checkpointer"), make_frame<wire::SaveVersion>([&](auto head) {
            head.setJob(world.job.text());
            head.setMemory("versions");
            head.setVersion(version);
            head.setFolder(world.folder.path());
            head.setDataFingerprint(serialization::to_hex(serialization::Sha256Digest{}));
          }),
          10s, [&world](const Answer& answer) {
            if (!answer.ok()) return world.heard.push_back("none");
            serialization::read_head<wire::VersionSaved>(
                answer.frame(), [&world](wire::VersionSaved::Reader head) {
                  world.heard.push_back(
                      std::string{head.getFolder()}.substr(world.folder.path().size() + 1));
                });
          });
    }
  }
  void handles(Handlers&) override {}
};

}  // namespace

TEST_CASE(
    "checkpointer: who asks for what is being saved hears of that save, and who asked last alone") {
  World world;
  Registry registry;
  add_checkpointer_type(registry);
  registry.add({"asker", "", {}, [&world](Context& context, const Parameters&) {
                  return std::make_unique<Asker>(context, world);
                }});
  TestNode node{registry};
  auto memory = std::make_shared<SharedMemory>(SharedMemory::create(
      "versions", VersionSlots::size_bytes(world.job.layout().slot_bytes, world.job.shards())));
  node.core().memories().add(memory);
  VersionSlots slots = VersionSlots::make(memory->writable_bytes(), world.job.id(),
                                          world.job.layout().slot_bytes, world.job.shards());
  for (const std::uint64_t version : {3, 5}) {
    auto writing = slots.begin_write();
    world.job.graph().initialise(world.job.layout(), version, writing->state());
    slots.commit(*std::move(writing), version, true);
  }
  ChildSpec checkpointer, asker;
  checkpointer.name = checkpointer.type = "checkpointer";
  checkpointer.parameters =
      Parameters{{{"coordinator", std::string{}}, {"keep_checkpoints", std::int64_t{0}}}};
  asker.name = asker.type = "asker";
  SupervisorSpec root;
  root.children = {checkpointer, asker};
  node.start(root);
  const std::vector<std::string> once{"none", "none", "step-000000000003", "step-000000000005"};
  CHECK(world.heard == once);
  CHECK(posix_files().list(world.folder.path()) ==
        std::vector<std::string>{"step-000000000003", "step-000000000005"});
  // Its successor asks again, and hears it again.
  world.heard.clear();
  world.wanted = {3, 4};
  node.kill("/asker");
  node.run();
  CHECK(world.heard == std::vector<std::string>{"step-000000000003", "none"});
}
