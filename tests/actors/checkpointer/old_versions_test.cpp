#include "actors/checkpointer/old_versions.hpp"

#include <array>
#include <set>

#include "runtime/base/error.hpp"
#include "serialization/checkpoint.hpp"
#include "tests/support/doctest_std.hpp"
#include "tests/support/file_double.hpp"

using namespace troupe;
using namespace troupe::actors;
using serialization::checkpoint_name;
using serialization::checkpoint_steps;
using test::FileDouble;
using test::PowerCut;

namespace {

using Steps = std::vector<std::uint64_t>;

void save(FileSystem& disk, std::uint64_t step) {
  const std::array<float, 3> values{1, 2, static_cast<float>(step)};
  const std::array tensors{serialization::NamedTensorView{"w", gpu::DType::f32, gpu::Shape{3},
                                                          std::as_bytes(std::span{values})}};
  serialization::TrainingRecord record;
  record.step = step;
  serialization::write_checkpoint(disk, "/run/" + checkpoint_name(step), record, tensors);
}

FileDouble disk_with(const Steps& steps) {
  FileDouble disk;
  disk.create_folder("/run");
  disk.sync_folder("/");
  for (const std::uint64_t step : steps) save(disk, step);
  return disk;
}

}  // namespace

TEST_CASE("old versions: all but the newest ones, and none that is needed") {
  const Steps saved{10, 20, 30, 40, 50};
  CHECK(old_versions(saved, 2, {}) == Steps{10, 20, 30});
  const Steps needed{20, 50, 60};
  CHECK(old_versions(saved, 2, needed) == Steps{10, 30});
  CHECK(old_versions(saved, 5, {}).empty());
  CHECK(old_versions(saved, 9, {}).empty());
  CHECK(old_versions(saved, 0, {}).empty());
  CHECK(old_versions({}, 1, {}).empty());
}

TEST_CASE("old versions: what bears another name stays") {
  FileDouble disk = disk_with({10, 20, 30});
  disk.create_folder("/run/step-000000000010.broken-0");
  disk.create_folder("/run/mine");
  CHECK(remove_old_versions(disk, "/run", 1, Steps{10}) == Steps{20});
  CHECK(disk.list("/run") == std::vector<std::string>{"mine", "step-000000000010",
                                                      "step-000000000010.broken-0",
                                                      "step-000000000030"});
}

TEST_CASE("old versions: none goes as long as the newest does not verify") {
  FileDouble disk = disk_with({10, 20, 30});
  disk.truncate("/run/" + checkpoint_name(30) + "/state.safetensors", 20);
  CHECK(remove_old_versions(disk, "/run", 1, {}).empty());
  CHECK(checkpoint_steps(disk, "/run") == Steps{10, 20, 30});
  CHECK(serialization::find_newest_checkpoint(disk, "/run").name == checkpoint_name(20));
}

TEST_CASE("old versions: after a power cut at any operation each is whole or gone") {
  for (std::uint64_t cut = 0;; ++cut) {
    FileDouble disk = disk_with({10, 20, 30, 40});
    disk.cut_after(cut);
    bool done = true;
    try {
      remove_old_versions(disk, "/run", 1, Steps{20});
    } catch (const PowerCut&) {
      done = false;
    }
    for (std::uint64_t seed = 0; seed < 16; ++seed) {
      FileDouble found = disk.crash(seed);
      remove_temporaries(found, "/run");
      const Steps left = checkpoint_steps(found, "/run");
      for (const std::uint64_t step : left)
        CHECK(serialization::read_checkpoint(found, "/run/" + checkpoint_name(step))
                  .manifest.record.step == step);
      CHECK(std::set<std::uint64_t>(left.begin(), left.end()).contains(20));
      CHECK(left.back() == 40);
      CHECK(found.list("/run").size() == left.size());
      // Saved again where it was, as by a job that goes on from an older one.
      for (const std::uint64_t step : {10, 30})
        if (found.kind("/run/" + checkpoint_name(step)) == PathKind::none) save(found, step);
    }
    if (done) break;
  }
}
