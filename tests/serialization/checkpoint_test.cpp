#include "serialization/checkpoint.hpp"

#include "runtime/base/error.hpp"
#include "tests/serialization/checkpoint_format_1.hpp"
#include "tests/support/file_double.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::serialization;
using troupe::gpu::DType;
using troupe::gpu::Shape;
using troupe::test::as_bytes;
using troupe::test::FileDouble;
using troupe::test::PowerCut;
using troupe::test::TemporaryFolder;

namespace {

/// A state that is different at each step, and views of it.
struct State {
  explicit State(std::uint64_t step) : weight{1, -0.0F, static_cast<float>(step)}, steps{step} {}
  std::array<float, 3> weight;
  std::array<std::uint64_t, 1> steps;

  std::vector<NamedTensorView> tensors() const {
    return {{"hidden.weight", DType::f32, Shape{3, 1}, std::as_bytes(std::span{weight})},
            {"adam.step", DType::i64, Shape{}, std::as_bytes(std::span{steps})}};
  }
};

TrainingRecord record(std::uint64_t step) {
  return {.config = "seed: 1\n",
          .step = step,
          .seed = 1,
          .data_fingerprint = {},
          .machine = {{"isa", "avx2"}},
          .metrics = {{"loss", step, 0.5}},
          .ledger_bytes = 10 * step};
}

void write(FileSystem& files, std::uint64_t step) {
  write_checkpoint(files, "/job/" + checkpoint_name(step), record(step), State{step}.tensors());
}

/// A disk with a folder for a job, and checkpoints of these steps.
FileDouble disk_with(std::initializer_list<std::uint64_t> steps) {
  FileDouble disk;
  disk.create_folder("/job");
  disk.sync_folder("/");
  for (const std::uint64_t step : steps) write(disk, step);
  return disk;
}

void check_is(const Checkpoint& checkpoint, std::uint64_t step) {
  CHECK(checkpoint.manifest.record == record(step));
  const State state{step};
  for (const NamedTensorView& tensor : state.tensors()) {
    const NamedTensorView* const found = checkpoint.state.find(tensor.name);
    REQUIRE(found != nullptr);
    CHECK(std::ranges::equal(found->bytes, tensor.bytes));
  }
}

void replace(FileSystem& files, const std::string& path, std::span<const std::byte> bytes) {
  files.remove(path);
  files.create(path)->write(bytes);
}

std::vector<std::byte> bytes_of(FileSystem& files, const std::string& path) {
  const FileBytes bytes = files.read(path, 1 << 20);
  return {bytes.span().begin(), bytes.span().end()};
}

/// Why the checkpoint at step 2 is refused; step 1 must be found then.
std::string refusal(FileSystem& files) {
  const FoundCheckpoint found = find_newest_checkpoint(files, "/job");
  REQUIRE(found.checkpoint.has_value());
  REQUIRE(found.name == checkpoint_name(1));
  check_is(*found.checkpoint, 1);
  REQUIRE(found.refused.size() == 1);
  CHECK(found.refused[0].name == checkpoint_name(2));
  return found.refused[0].reason;
}

std::vector<std::byte> from_hex(std::string_view digits) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    bytes.push_back(
        static_cast<std::byte>(std::stoi(std::string{digits.substr(i, 2)}, nullptr, 16)));
  }
  return bytes;
}

const std::string manifest_2 = "/job/step-000000000002/manifest";
const std::string state_2 = "/job/step-000000000002/state.safetensors";

}  // namespace

TEST_CASE("Checkpoint: comes back whole, from the double and from a real disk") {
  FileDouble disk = disk_with({7});
  check_is(read_checkpoint(disk, "/job/" + checkpoint_name(7)), 7);
  const TemporaryFolder made;
  const std::string& folder = made.path();
  for (const std::uint64_t step : {7U, 10U}) {
    write_checkpoint(posix_files(), folder + '/' + checkpoint_name(step), record(step),
                     State{step}.tensors());
  }
  const FoundCheckpoint found = find_newest_checkpoint(posix_files(), folder);
  CHECK(found.name == checkpoint_name(10));
  REQUIRE(found.checkpoint.has_value());
  check_is(*found.checkpoint, 10);
  CHECK(found.refused.empty());
}

TEST_CASE("Checkpoint: nothing is overwritten, and what does not fit is not begun") {
  FileDouble disk = disk_with({1});
  const std::uint64_t before = disk.operations();
  CHECK_THROWS_WITH_AS(
      write(disk, 1),
      "/job/step-000000000001: expected a free name, got one that is taken: no checkpoint is "
      "overwritten",
      Error);
  const State state{2};
  auto tensors = state.tensors();
  tensors[0].name = "adam.step";
  CHECK_THROWS_AS(write_checkpoint(disk, "/job/x", record(2), tensors), Error);
  CHECK(disk.operations() == before);
  check_is(read_checkpoint(disk, "/job/" + checkpoint_name(1)), 1);
}

TEST_CASE("Checkpoint: survives a power cut at every single operation of its writing") {
  int old_found = 0, new_found = 0;
  for (std::uint64_t cut = 0;; ++cut) {
    FileDouble disk = disk_with({1});
    disk.cut_after(cut);
    bool done = true;
    try {
      write(disk, 2);
    } catch (const PowerCut&) {
      done = false;
    }
    for (std::uint64_t seed = 0; seed < 24; ++seed) {
      CAPTURE(cut);
      CAPTURE(seed);
      FileDouble found_disk = disk.crash(seed);
      const FoundCheckpoint found = find_newest_checkpoint(found_disk, "/job");
      REQUIRE(found.checkpoint.has_value());
      CHECK(found.refused.empty());  // a checkpoint appears whole or not at all
      const std::uint64_t step = found.checkpoint->manifest.record.step;
      CHECK((step == 2 || (step == 1 && !done)));
      check_is(*found.checkpoint, step);
      ++(step == 1 ? old_found : new_found);
      // The restarted job goes on, whatever was left behind.
      if (step == 1) write(found_disk, 2);
      write(found_disk, 3);
      check_is(*find_newest_checkpoint(found_disk, "/job").checkpoint, 3);
      remove_temporaries(found_disk, "/job");
      CHECK(found_disk.list("/job").size() == 3);
    }
    if (done) break;
  }
  CHECK(old_found > 0);
  CHECK(new_found > 24);  // also where only the last sync of names was missing
}

TEST_CASE("Checkpoint: a full disk at any operation leaves the previous one, and nothing else") {
  bool failed = true;
  for (std::uint64_t failing = 0; failed; ++failing) {
    FileDouble disk = disk_with({1});
    disk.fail_after(failing);
    failed = false;
    try {
      write(disk, 2);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::exhausted);
      failed = true;
    }
    if (failed) {
      CHECK(disk.list("/job") == std::vector<std::string>{checkpoint_name(1)});
      check_is(*find_newest_checkpoint(disk, "/job").checkpoint, 1);
      write(disk, 2);
    }
    check_is(*find_newest_checkpoint(disk, "/job").checkpoint, 2);
  }
}

TEST_CASE("Checkpoint: each file cut short at any length is refused, and the previous one loads") {
  FileDouble disk = disk_with({1, 2});
  for (const std::string& path : {manifest_2, state_2}) {
    const auto whole = bytes_of(disk, path);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      replace(disk, path, std::span{whole}.first(size));
      CHECK(refusal(disk).starts_with(path));
    }
    replace(disk, path, whole);
  }
  check_is(*find_newest_checkpoint(disk, "/job").checkpoint, 2);
}

TEST_CASE("Checkpoint: with any single bit flipped it is refused, by the file's name") {
  FileDouble disk = disk_with({2});
  for (const std::string& path : {manifest_2, state_2}) {
    auto bytes = bytes_of(disk, path);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      const std::byte mask{static_cast<unsigned char>(1U << bit % 8)};
      bytes[bit / 8] ^= mask;
      replace(disk, path, bytes);
      const FoundCheckpoint found = find_newest_checkpoint(disk, "/job");
      CHECK_FALSE(found.checkpoint.has_value());
      REQUIRE(found.refused.size() == 1);
      CHECK(found.refused[0].reason.starts_with(path));
      bytes[bit / 8] ^= mask;
    }
    replace(disk, path, bytes);
  }
}

TEST_CASE("Checkpoint: a damaged tensor is named") {
  FileDouble disk = disk_with({1, 2});
  auto bytes = bytes_of(disk, state_2);
  bytes.back() ^= std::byte{1};
  replace(disk, state_2, bytes);
  CHECK(refusal(disk).starts_with(state_2 + ": tensor hidden.weight: XXH3-128 differs: expected "));
}

TEST_CASE("Checkpoint: with a file missing, or another's in its place, it is refused") {
  FileDouble disk = disk_with({1, 2});
  const auto manifest = bytes_of(disk, manifest_2), state = bytes_of(disk, state_2);

  disk.remove(manifest_2);
  CHECK(refusal(disk).starts_with(manifest_2));
  disk.create(manifest_2)->write(manifest);
  disk.remove(state_2);
  CHECK(refusal(disk).starts_with(state_2));
  disk.create(state_2)->write(bytes_of(disk, "/job/step-000000000001/state.safetensors"));
  CHECK(refusal(disk).starts_with(state_2 + ": tensor adam.step: XXH3-128 differs"));
  const auto other = to_safetensors(State{2}.tensors());  // another order
  replace(disk, state_2, other);
  CHECK(refusal(disk).find("as in the manifest") != std::string::npos);
  replace(disk, state_2, state);

  const State second{2};
  auto more = second.tensors();
  more.push_back({"z", DType::u8, Shape{0}, {}});
  replace(disk, state_2, to_safetensors(sorted_by_name(more)));
  CHECK(refusal(disk) == state_2 + ": expected 2 tensors as in the manifest, got 3");
  replace(disk, state_2, to_safetensors({}));
  CHECK(refusal(disk) == state_2 + ": tensor adam.step: expected as in the manifest, got none");
  replace(disk, state_2, state);

  replace(disk, manifest_2, std::vector<std::byte>((256U << 20) + 1));
  CHECK(refusal(disk) == manifest_2 + ": expected at most 268435456 bytes, got 268435457");
  replace(disk, manifest_2, manifest);

  // All of another checkpoint under this one's name.
  replace(disk, manifest_2, bytes_of(disk, "/job/step-000000000001/manifest"));
  replace(disk, state_2, bytes_of(disk, "/job/step-000000000001/state.safetensors"));
  CHECK(refusal(disk) == manifest_2 + ": step: expected that of the folder's name, got 1");
}

TEST_CASE("Checkpoint: a manifest that is sound but tells of another state is refused (JOB-8)") {
  FileDouble disk = disk_with({1, 2});
  Manifest manifest = read_checkpoint(disk, "/job/step-000000000002").manifest;
  manifest.state_hash[0] ^= std::byte{1};
  replace(disk, manifest_2, encode_manifest(manifest));
  CHECK(refusal(disk).starts_with("/job/step-000000000002: state hash differs: expected "));
  manifest.state_hash[0] ^= std::byte{1};
  manifest.tensors[0].size_bytes = UINT64_MAX;
  replace(disk, manifest_2, encode_manifest(manifest));
  CHECK(refusal(disk).starts_with(state_2 +
                                  ": tensor adam.step: expected 18446744073709551615 bytes"));
}

TEST_CASE(
    "find_newest_checkpoint: passes over other names, and finds nothing where there is nothing") {
  FileDouble disk = disk_with({5});
  disk.create_folder("/job/step-000000000009.tmp0");
  disk.create_folder("/job/step-9");
  disk.create_folder("/job/step-00000000000x");
  disk.create("/job/ledger");
  FoundCheckpoint found = find_newest_checkpoint(disk, "/job");
  CHECK(found.name == checkpoint_name(5));
  CHECK(found.refused.empty());
  CHECK(remove_temporaries(disk, "/job") == std::vector<std::string>{"step-000000000009.tmp0"});
  disk.create_folder("/empty");
  found = find_newest_checkpoint(disk, "/empty");
  CHECK_FALSE(found.checkpoint.has_value());
  CHECK(found.name.empty());
  CHECK_THROWS_AS(find_newest_checkpoint(disk, "/none"), Error);
}

TEST_CASE("checkpoint_name: sorts as the steps do") {
  CHECK(checkpoint_name(42) == "step-000000000042");
  CHECK(checkpoint_name(999'999'999'999) == "step-999999999999");
  CHECK_THROWS_AS(checkpoint_name(1'000'000'000'000), Error);
}

TEST_CASE("Checkpoint: what format 1 wrote loads") {
  FileDouble disk;
  disk.create_folder("/old");
  disk.create("/old/manifest")->write(from_hex(test::format_1_manifest));
  disk.create("/old/state.safetensors")->write(from_hex(test::format_1_state));
  const Checkpoint old = read_checkpoint(disk, "/old");
  const TrainingRecord& record = old.manifest.record;
  CHECK(record.config == "seed: 1\n");
  CHECK(record.step == 7);
  CHECK(record.seed == 1);
  CHECK(record.machine ==
        std::vector<TrainingRecord::Fact>{{"isa", "avx2"}, {"backend", "reference"}});
  CHECK(record.metrics == std::vector<TrainingRecord::Metric>{{"loss", 7, 0.5}});
  CHECK(record.ledger_bytes == 70);
  constexpr std::array<float, 3> weight = {1.0F, -0.0F, 0.25F};
  REQUIRE(old.state.find("hidden.weight") != nullptr);
  CHECK(
      std::ranges::equal(old.state.find("hidden.weight")->bytes, std::as_bytes(std::span{weight})));
  CHECK(old.state.find("adam.step")->dtype == DType::i64);
}
