#include "runtime/telemetry/actor_metrics.hpp"

#include <numeric>

#include "runtime/base/virtual_clock.hpp"

using namespace troupe::runtime;
using namespace std::chrono_literals;
using troupe::VirtualClock;

TEST_CASE("ActorMetrics: actors of one type share their series, and each type has its own") {
  Metrics metrics;
  ActorMetrics one{metrics, "loader"}, two{metrics, "loader"}, other{metrics, "trainer"};
  one.restarts.add();
  two.restarts.add(2);
  other.failures.add();
  const std::string text = metrics.write();
  CHECK(text.find("troupe_actor_restarts_total{type=\"loader\"} 3\n") != std::string::npos);
  CHECK(text.find("troupe_actor_restarts_total{type=\"trainer\"} 0\n") != std::string::npos);
  CHECK(text.find("troupe_actor_failures_total{type=\"trainer\"} 1\n") != std::string::npos);
}

TEST_CASE("HandlerTimer: counts every message and times one in 16, the first included") {
  Metrics metrics;
  VirtualClock clock;
  ActorMetrics actor{metrics, "loader"};
  HandlerTimer timer{actor, clock};
  for (int i = 0; i < 33; ++i) {
    timer.begin();
    clock.advance(i % 16 == 0 ? 3ms : 1h);
    timer.end();
  }
  CHECK(actor.messages.value() == 33);
  const auto counts = actor.handler_seconds.counts();
  CHECK(std::accumulate(counts.begin(), counts.end(), 0) == 3);
  CHECK(actor.handler_seconds.sum() == doctest::Approx(0.009));
}
