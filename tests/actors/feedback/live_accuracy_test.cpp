#include "actors/feedback/live_accuracy.hpp"

#include "tests/support/error_code.hpp"

using namespace troupe;
using namespace troupe::actors;

TEST_CASE("LiveAccuracy: the window forgets the oldest label, what counts in all does not") {
  LiveAccuracy accuracy{4};
  CHECK(accuracy.rolling() == std::nullopt);
  CHECK(accuracy.overall() == std::nullopt);
  for (const bool right : {false, true, true, false}) accuracy.add(right);
  CHECK(accuracy.rolling() == 0.5);
  accuracy.add(true);
  CHECK(accuracy.rolling() == 0.75);
  CHECK(accuracy.overall() == 0.6);
  accuracy.add_outside(5, 0);
  CHECK(accuracy.rolling() == 0.75);
  CHECK(accuracy.overall() == 0.3);
  CHECK(accuracy.labels() == 4);
  CHECK(accuracy.all_labels() == 10);
  accuracy.start_anew();
  CHECK(accuracy.rolling() == std::nullopt);
  CHECK(accuracy.overall() == 0.3);
  for (int i = 0; i < 9; ++i) accuracy.add(i != 8);
  CHECK(accuracy.rolling() == 0.75);
}

TEST_CASE("LiveAccuracy: a window of nothing is refused") {
  CHECK(test::code_of([] { LiveAccuracy{0}; }) == ErrorCode::bad_input);
}
