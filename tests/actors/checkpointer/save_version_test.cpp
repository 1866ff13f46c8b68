#include "actors/checkpointer/save_version.hpp"

#include <cstring>

#include "runtime/base/aligned_block.hpp"
#include "runtime/base/error.hpp"
#include "serialization/checkpoint.hpp"
#include "serialization/model_state.hpp"
#include "tests/support/file_double.hpp"

using namespace troupe;
using namespace troupe::actors;
using troupe::test::FileDouble;
using troupe::test::PowerCut;

namespace {

struct Fixture {
  Fixture()
      : job{training_job_text(1, 100, gpu::Shape{4}, 2, R"([{"dense":{"units":"2"}}])",
                              R"({"steps":"10","batch":"10"})")},
        size{VersionSlots::size_bytes(job.layout().slot_bytes, job.shards())},
        memory{aligned_block(size)},
        slots{VersionSlots::make({memory.get(), size}, job.id(), job.layout().slot_bytes,
                                 job.shards())} {
    auto writing = slots.begin_write();
    std::memset(writing->state().data(), 0, writing->state().size());
    job.graph().initialise(job.layout(), 1, writing->state());
    slots.commit(*std::move(writing), 7, false);
  }
  TrainingJob job;
  std::size_t size;
  std::shared_ptr<std::byte> memory;
  VersionSlots slots;
};

}  // namespace

TEST_CASE("a version is saved once; a broken one makes room") {
  Fixture fixture;
  FileDouble disk;
  const auto held = fixture.slots.hold(7);
  REQUIRE(held);
  const SavedCheckpoint saved = save_version(disk, fixture.job, *held, "/run", {});
  CHECK(saved.folder == "/run/step-000000000007");
  CHECK(saved.state_hash ==
        serialization::to_hex(serialization::state_hash(fixture.job.layout(), held->state(), 7)));
  const serialization::Checkpoint read = serialization::read_checkpoint(disk, saved.folder);
  CHECK(read.manifest.record.step == 7);
  CHECK(save_version(disk, fixture.job, *held, "/run", {}).folder == saved.folder);
  CHECK(disk.list("/run").size() == 1);

  disk.truncate(saved.folder + "/state.safetensors", 20);
  CHECK(save_version(disk, fixture.job, *held, "/run", {}).state_hash == saved.state_hash);
  CHECK(disk.list("/run") ==
        std::vector<std::string>{"step-000000000007", "step-000000000007.broken-0"});
}

TEST_CASE("a power cut at any operation leaves no version or a whole one") {
  Fixture fixture;
  const auto held = fixture.slots.hold(7);
  for (std::uint64_t cut = 0;; ++cut) {
    FileDouble disk;
    disk.cut_after(cut);
    bool done = true;
    try {
      save_version(disk, fixture.job, *held, "/run", {});
    } catch (const PowerCut&) {
      done = false;
    }
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      FileDouble found = disk.crash(seed);
      const bool there = found.kind("/run/step-000000000007") != PathKind::none;
      if (there)
        CHECK(
            serialization::read_checkpoint(found, "/run/step-000000000007").manifest.record.step ==
            7);
      CHECK((there || !done));
      CHECK_FALSE(save_version(found, fixture.job, *held, "/run", {}).state_hash.empty());
    }
    if (done) break;
  }
}
