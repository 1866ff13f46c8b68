#include "actors/report/run_folder.hpp"

#include "tests/support/error_code.hpp"
#include "tests/support/file_double.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::actors;
using troupe::test::code_of;
using troupe::test::FileDouble;
using troupe::test::PowerCut;

namespace {
const RunDescription mnist{"mnist", "0123456789abcdef", "train:\n  batch: 8\n", R"({"batch": 8})",
                           R"({"cores":2})"};

FileLock no_lock(const std::string&) {
  return {};
}

std::string refusal(auto action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::bad_input);
    return error.what();
  }
  return "no error";
}
}  // namespace

TEST_CASE("RunFolder: a new run has its folders and files, and is opened again") {
  FileDouble disk;
  const RunFolder made = RunFolder::create(disk, "/a/runs", mnist, no_lock);
  CHECK(made.path() == "/a/runs/mnist-01234567-1");
  CHECK(disk.list(made.path()) ==
        std::vector<std::string>{"checkpoints", "config.yaml", "job.json", "logs", "machine.json"});
  CHECK(test::text_of(disk, made.path() + "/job.json") ==
        R"({"format":1,"name":"mnist","fingerprint":"0123456789abcdef","job":{"batch":8}})"
        "\n");
  CHECK(test::text_of(disk, made.path() + "/machine.json") == "{\"cores\":2}\n");
  RunFolder found = RunFolder::open_for_resume(disk, made.path(), mnist.fingerprint, no_lock);
  CHECK(found.name() == "mnist");
  CHECK(found.fingerprint() == mnist.fingerprint);
  CHECK(found.job() == R"({"batch":8})");
  CHECK(found.job() == made.job());
  CHECK(found.config() == mnist.config);
  CHECK_FALSE(found.prepared());
  found.set_prepared("/data/prepared here");
  CHECK(found.prepared() == "/data/prepared here");
  CHECK(code_of([&] { found.set_prepared("a\nb"); }) == ErrorCode::bad_input);
}

TEST_CASE("RunFolder: runs of a name are numbered, and the latest is found") {
  FileDouble disk;
  CHECK_FALSE(RunFolder::find_latest(disk, "/runs", "mnist"));
  RunDescription other = mnist;
  other.fingerprint = "ffffffffff";
  RunDescription longer = mnist;
  longer.name = "mnist-01234567";
  CHECK(RunFolder::create(disk, "/runs", mnist, no_lock).path() == "/runs/mnist-01234567-1");
  CHECK(RunFolder::create(disk, "/runs", other, no_lock).path() == "/runs/mnist-ffffffff-2");
  CHECK(RunFolder::create(disk, "/runs", longer, no_lock).path() ==
        "/runs/mnist-01234567-01234567-1");
  for (int n = 3; n <= 10; ++n) RunFolder::create(disk, "/runs", mnist, no_lock);
  CHECK(RunFolder::find_latest(disk, "/runs", "mnist") == "/runs/mnist-01234567-10");
  disk.remove("/runs/mnist-01234567-10/job.json");  // one that was never finished
  for (const char* name : {"mnist-01234567-x", "mnist-0123456g-11", "mnist-01234567-", "mnist-12",
                           "mnist-01234567-99999999999999999999"}) {
    disk.create_folder(std::string{"/runs/"} + name);
  }
  CHECK(RunFolder::find_latest(disk, "/runs", "mnist") == "/runs/mnist-01234567-9");
  CHECK(RunFolder::create(disk, "/runs", mnist, no_lock).path() == "/runs/mnist-01234567-11");
}

TEST_CASE("RunFolder: a run that has not begun is passed over where an older one of its job has") {
  FileDouble disk;
  const auto found = [&] {
    return RunFolder::find_to_resume(disk, "/runs", "mnist", mnist.fingerprint);
  };
  CHECK_FALSE(found());
  RunDescription other = mnist;
  other.fingerprint = "ffffffffff";
  RunFolder::create(disk, "/runs", mnist, no_lock);
  RunFolder::create(disk, "/runs", mnist, no_lock);
  RunFolder::create(disk, "/runs", other, no_lock);
  RunFolder::create(disk, "/runs", mnist, no_lock);
  CHECK(found() == "/runs/mnist-01234567-4");  // none has
  write_atomically(disk, "/runs/mnist-ffffffff-3/ledger", test::as_bytes("x"));
  CHECK(found() == "/runs/mnist-01234567-4");  // one of another job has
  write_atomically(disk, "/runs/mnist-01234567-1/ledger", test::as_bytes("x"));
  CHECK(found() == "/runs/mnist-01234567-1");
  disk.create_folder("/runs/mnist-01234567-2/checkpoints/step-000000000005");
  CHECK(found() == "/runs/mnist-01234567-2");
  RunFolder::create(disk, "/runs", other, no_lock);
  write_atomically(disk, "/runs/mnist-ffffffff-5/ledger", test::as_bytes("x"));
  CHECK(found() == "/runs/mnist-ffffffff-5");  // which open_for_resume refuses
}

TEST_CASE("RunFolder: a start that failed leaves nothing") {
  FileDouble disk;
  RunFolder made = RunFolder::create(disk, "/runs", mnist, no_lock);
  write_atomically(disk, made.ledger_path(), test::as_bytes("x"));
  made.discard();
  CHECK(disk.list("/runs").empty());
}

TEST_CASE("RunFolder: another job's run, and what is none, is refused") {
  FileDouble disk;
  const std::string path = RunFolder::create(disk, "/runs", mnist, no_lock).path();
  const auto open = [&] { RunFolder::open_for_resume(disk, path, mnist.fingerprint, no_lock); };
  CHECK(refusal([&] { RunFolder::open_for_resume(disk, path, "89", no_lock); }) ==
        "/runs/mnist-01234567-1: expected the run of job 89, got that of job 0123456789abcdef");
  CHECK(refusal([&] { RunFolder::open_for_resume(disk, "/no", "89", no_lock); }) ==
        "/no: expected the folder of a run, got none with a job.json");
  for (const char* text :
       {"", "{", "[1]", "7", R"({"format":1,"name":1,"fingerprint":"","job":1})"}) {
    write_atomically(disk, path + "/job.json", test::as_bytes(text));
    CHECK(code_of(open) == ErrorCode::corrupted);
  }
  write_atomically(disk, path + "/job.json", test::as_bytes(R"({"format":2})"));
  CHECK(code_of(open) == ErrorCode::unsupported);
}

TEST_CASE("RunFolder: a description that cannot be kept is refused, and nothing is made") {
  FileDouble disk;
  RunDescription wrong = mnist;
  wrong.name = "../x";
  CHECK(refusal([&] { RunFolder::create(disk, "/runs", wrong, no_lock); }) ==
        R"(run: name: expected letters, digits, '_', '-' and '.', got "../x")");
  wrong = mnist;
  wrong.fingerprint = "ABCDEF0123";
  CHECK(code_of([&] { RunFolder::create(disk, "/runs", wrong, no_lock); }) == ErrorCode::bad_input);
  wrong = mnist;
  wrong.job = "{";
  CHECK(code_of([&] { RunFolder::create(disk, "/runs", wrong, no_lock); }) == ErrorCode::bad_input);
  CHECK(disk.list("/").empty());
}

TEST_CASE("RunFolder: after any power cut a run is whole, or does not count") {
  FileDouble whole;
  RunFolder::create(whole, "/runs", mnist, no_lock);
  for (std::uint64_t cut = 0; cut <= whole.operations(); ++cut) {
    FileDouble disk;
    disk.cut_after(cut);
    bool made = false;
    try {
      RunFolder::create(disk, "/runs", mnist, no_lock);
      made = true;
    } catch (const PowerCut&) {
    }
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      FileDouble found = disk.crash(seed);
      const auto latest = RunFolder::find_latest(found, "/runs", "mnist");
      if (made) CHECK(latest);
      if (!latest) continue;
      const RunFolder run = RunFolder::open_for_resume(found, *latest, mnist.fingerprint, no_lock);
      CHECK(run.config() == mnist.config);
      CHECK(found.kind(run.checkpoints_path()) == PathKind::folder);
      for (const std::string& name : found.list(run.path())) CHECK_FALSE(is_temporary_name(name));
    }
  }
}

TEST_CASE("RunFolder: two never write one run") {
  const test::TemporaryFolder root;
  FileSystem& files = posix_files();
  std::string path;
  {
    const RunFolder first = RunFolder::create(files, root.path() + "/runs", mnist);
    path = first.path();
    const std::string told =
        refusal([&] { RunFolder::open_for_resume(files, path, mnist.fingerprint); });
    CHECK(told.starts_with(path + "/lock: expected a run that no other process writes; process "));
    CHECK(told.find("unknown") == std::string::npos);
    CHECK(RunFolder::create(files, root.path() + "/runs", mnist).path() != path);
  }
  CHECK(RunFolder::open_for_resume(files, path, mnist.fingerprint).path() == path);
}
