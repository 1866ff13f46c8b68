#include "runtime/base/thread_team.hpp"

#include <atomic>
#include <stdexcept>
#include <vector>

#include "runtime/base/float_environment.hpp"

using namespace troupe;

TEST_CASE("each member does its part once a round, as JOB-6 demands") {
  for (const unsigned members : {1U, 2U, 5U}) {
    ThreadTeam team{members};
    REQUIRE(team.members() == members);
    std::vector<int> done(members, 0);
    std::atomic<bool> as_demanded = true;
    for (int round = 0; round < 200; ++round) {
      team.run([&](unsigned member) {
        ++done[member];
        if (!float_environment_is_set()) as_demanded = false;
      });
      CHECK(done == std::vector<int>(members, round + 1));
    }
    CHECK(as_demanded);
  }
}

TEST_CASE("what one member throws its owner gets, once all are done, and the team goes on") {
  for (unsigned faulty = 0; faulty < 3; ++faulty) {
    ThreadTeam team{3};
    std::atomic<int> done = 0;
    CHECK_THROWS_AS(team.run([&](unsigned member) {
      if (member == faulty) throw std::runtime_error{"no"};
      ++done;
    }),
                    std::runtime_error);
    CHECK(done == 2);
    team.run([&](unsigned) { ++done; });
    CHECK(done == 5);
  }
}
