#include "actors/report/short_text.hpp"

#include <cmath>
#include <limits>

using namespace troupe::actors;

TEST_CASE("Short texts: numbers, counts and durations as people read them") {
  constexpr double inf = std::numeric_limits<double>::infinity();
  CHECK(short_number(0.975) == "0.975");
  CHECK(short_number(1.0 / 3) == "0.3333");
  CHECK(short_number(1e-5) == "1e-05");
  CHECK(short_number(-0.0) == "-0");
  CHECK(short_number(std::nan("")) == "nan");
  CHECK(short_number(-inf) == "-inf");
  CHECK(short_count(0) == "0");
  CHECK(short_count(999.4) == "999");
  CHECK(short_count(999.6) == "1k");
  CHECK(short_count(12345.678) == "12.3k");
  CHECK(short_count(4.56e6) == "4.56M");
  CHECK(short_count(inf) == "inf");
  CHECK(short_count(std::nan("")) == "nan");
  CHECK(short_duration(0) == "0.0 s");
  CHECK(short_duration(59.94) == "59.9 s");
  CHECK(short_duration(59.96) == "1:00");
  CHECK(short_duration(125) == "2:05");
  CHECK(short_duration(3599.6) == "1:00:00");
  CHECK(short_duration(3725) == "1:02:05");
  for (const double none : {-1.0, inf, 1e300, std::nan("")}) CHECK(short_duration(none) == "-");
}
