#include "actors/deployer/rollout.hpp"

#include "runtime/base/error.hpp"

using namespace troupe;
using namespace troupe::actors;

TEST_CASE(
    "Rollout: ROLL-1 and ROLL-2: a candidate replaces the current one when it is committed, which "
    "then drains") {
  Rollout rollout;
  rollout.begin({"1", "a"});
  CHECK(!rollout.current());
  CHECK_THROWS_AS(rollout.begin({"2", "b"}), Error);
  rollout.commit();
  CHECK(rollout.current()->version == "1");
  CHECK_THROWS_AS(rollout.begin({"1", "b"}), Error);
  rollout.begin({"2", "b"});
  CHECK(rollout.current()->version == "1");
  rollout.abandon();
  CHECK(rollout.current()->version == "1");
  rollout.begin({"2", "b"});
  CHECK(rollout.wanted().size() == 2);
  rollout.commit();
  CHECK(rollout.current()->version == "2");
  CHECK(rollout.draining().size() == 1);
  CHECK_THROWS_AS(rollout.begin({"1", "b"}), Error);
  rollout.begin({"1", "a"});
  rollout.abandon();
  CHECK(rollout.is_draining({"1", "a"}));
  rollout.begin({"1", "a"});
  rollout.commit();
  CHECK(rollout.draining() == std::vector<DeployedVersion>{{"2", "b"}});
  rollout.drained("2");
  CHECK(rollout.wanted() == std::vector<DeployedVersion>{{"1", "a"}});
}

TEST_CASE("Rollout: ROLL-3: the previous version is known when it is gone, and after a restart") {
  Rollout rollout;
  CHECK_THROWS_AS(rollout.previous_or_throw(), Error);
  for (const char* name : {"1", "2"}) {
    rollout.begin({name, name});
    rollout.commit();
  }
  rollout.drained("1");
  const Rollout again = read_deployed(deployed_json(rollout.current(), rollout.previous()), "here");
  CHECK(again.current() == rollout.current());
  CHECK(again.previous_or_throw() == DeployedVersion{"1", "1"});
  for (const char* bad : {"", "{}", "[]", R"({"current":3,"previous":null})",
                          R"({"current":{"version":"../x","folder":"f"},"previous":null})"})
    CHECK_THROWS_AS(read_deployed(bad, "here"), Error);
}

TEST_CASE("Rollout: names of versions are plain") {
  for (const char* good : {"1", "v1.2_a-b"}) CHECK(is_version_name(good));
  for (const char* bad : {"", ".", "..", "a/b", "a b", "\xc3\xa4"}) CHECK(!is_version_name(bad));
  CHECK(!is_version_name(std::string(65, 'a')));
}
