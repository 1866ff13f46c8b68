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
