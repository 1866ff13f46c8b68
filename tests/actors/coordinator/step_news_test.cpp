#include "actors/coordinator/step_news.hpp"

#include <chrono>
#include <vector>

#include "tests/support/doctest_std.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;

TEST_CASE("StepNews: ten times a second, and the last step") {
  const TrainingJob job{training_job_text(1, 100, gpu::Shape{4}, 2, R"([{"dense":{"units":"2"}}])",
                                          R"({"steps":"12","batch":"10"})")};
  StepNews news;
  const auto at = [&](std::uint64_t first, std::size_t count, Duration time) {
    std::vector<StepRecord> steps;
    for (std::size_t i = 0; i < count; ++i) steps.push_back({first + i, 0.25, 10});
    return news.add(job, steps, TimePoint{} + 1s + time);
  };
  const auto first = at(0, 1, 0ms);
  REQUIRE(first);
  CHECK(first->step == 1);
  CHECK(first->steps == 12);
  CHECK(first->epochs == 2);
  CHECK(first->loss == 0.25);
  CHECK(first->samples_per_second == 0);  // since when is not known
  CHECK_FALSE(at(1, 2, 50ms));
  const auto second = at(3, 7, 200ms);
  REQUIRE(second);
  CHECK(second->step == 10);
  CHECK(second->epoch == 0);
  CHECK(second->samples_per_second == doctest::Approx(450));
  CHECK_FALSE(at(10, 1, 210ms));
  const auto last = at(11, 1, 220ms);
  REQUIRE(last);
  CHECK(last->epoch == 1);
  CHECK(last->samples_per_second == doctest::Approx(1000));
}
