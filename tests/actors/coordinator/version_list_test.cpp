#include "actors/coordinator/version_list.hpp"

#include <cmath>
#include <limits>
#include <span>

#include "runtime/base/error.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::actors;

namespace {

SavedVersion saved(const std::string& checkpoint, const std::string& hash) {
  return {.checkpoint = checkpoint,
          .state_hash = hash,
          .gate_passed = true,
          .gate = "",
          .metrics = {{"accuracy", 0.5}, {"loss", std::numeric_limits<double>::quiet_NaN()}}};
}

}  // namespace

TEST_CASE("VersionList: a version keeps its number, whoever reads the file") {
  const test::TemporaryFolder folder;
  {
    VersionList list{posix_files(), folder.path()};
    CHECK(list.versions().empty());
    CHECK(list.add(saved("/a", "00"), 1).number == 1);
    CHECK(list.add(saved("/b", "01"), 2).number == 2);
    CHECK(list.add(saved("/a", "00"), 3).number == 1);
    CHECK(list.add(saved("/a", "02"), 4).number == 3);  // another state in the same folder
    list.set_done("one");
  }
  VersionList again{posix_files(), folder.path()};
  REQUIRE(again.versions().size() == 3);
  CHECK(again.done() == "one");
  CHECK(again.versions()[1].checkpoint == "/b");
  CHECK(again.versions()[1].at_seconds == 2);
  CHECK(again.versions()[1].metrics[0] == std::pair<std::string, double>{"accuracy", 0.5});
  CHECK(std::isnan(again.versions()[1].metrics[1].second));
  CHECK(again.add(saved("/b", "01"), 5).number == 2);
  CHECK(again.add(saved("/c", "03"), 5).number == 4);
  CHECK(again.version("4").checkpoint == "/c");
  CHECK_THROWS_AS(again.version("5"), Error);
}

TEST_CASE("VersionList: a file that says something else is corrupted") {
  const test::TemporaryFolder folder;
  for (const std::string text : {"", "[]", "{\"done\":1,\"versions\":[]}",
                                 "{\"done\":\"\",\"versions\":[{\"version\":\"one\"}]}"}) {
    write_atomically(posix_files(), folder.path() + "/versions.json",
                     std::as_bytes(std::span{text}));
    try {
      VersionList{posix_files(), folder.path()};
      FAIL("taken: " << text);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::corrupted);
    }
  }
}

TEST_CASE("VersionList: which checkpoints of a folder it names") {
  const test::TemporaryFolder folder;
  FileSystem& files = posix_files();
  const std::string checkpoints = folder.path() + "/checkpoints";
  CHECK(listed_steps(files, folder.path(), checkpoints).empty());
  for (const char* const name :
       {"", "/step-000000000010", "/step-000000000020", "/step-000000000030"})
    files.create_folder(checkpoints + name);
  CHECK(listed_steps(files, folder.path(), checkpoints).empty());
  VersionList list{files, folder.path()};
  list.add(saved(checkpoints + "/step-000000000010", "00"), 1);
  list.add(saved("/elsewhere/checkpoints/step-000000000020", "01"), 2);
  list.add(saved(checkpoints + "/step-000000000040", "02"), 3);  // gone
  CHECK(listed_steps(files, folder.path(), checkpoints) == std::vector<std::uint64_t>{10});
  CHECK(listed_steps(files, folder.path(), folder.path() + "/other/../checkpoints") ==
        std::vector<std::uint64_t>{});  // no such folder on the way
  files.create_folder(folder.path() + "/other");
  CHECK(listed_steps(files, folder.path(), folder.path() + "/other/../checkpoints") ==
        std::vector<std::uint64_t>{10});
  CHECK(listed_steps(files, "", checkpoints).empty());
}
