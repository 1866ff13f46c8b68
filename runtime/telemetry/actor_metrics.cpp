#include "runtime/telemetry/actor_metrics.hpp"

#include <string>

namespace troupe::runtime {

namespace {

MetricLabels of(std::string_view type) {
  return {{"type", std::string{type}}};
}

}  // namespace

ActorMetrics::ActorMetrics(Metrics& metrics, std::string_view type)
    : messages{metrics.counter("troupe_actor_messages_total", "Messages handled.", of(type))},
      handler_seconds{metrics.histogram("troupe_actor_handler_seconds",
                                        "Time that handlers took, of one message in 16.", {},
                                        of(type))},
      mailbox_depth{metrics.gauge("troupe_actor_mailbox_depth", "Messages that wait to be handled.",
                                  of(type))},
      restarts{metrics.counter("troupe_actor_restarts_total", "Starts but the first.", of(type))},
      failures{metrics.counter("troupe_actor_failures_total", "Actors that an exception ended.",
                               of(type))},
      stale{metrics.counter("troupe_actor_stale_messages_total",
                            "Messages of or for an earlier incarnation, dropped.", of(type))},
      malformed{metrics.counter("troupe_actor_malformed_messages_total",
                                "Messages that could not be read, dropped.", of(type))} {}

}  // namespace troupe::runtime
