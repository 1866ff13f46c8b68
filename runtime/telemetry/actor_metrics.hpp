#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "runtime/base/clock.hpp"
#include "runtime/telemetry/metrics.hpp"

namespace troupe::runtime {

/// What is counted of all actors of one type, in the series {type="…"}. Made again for the same type, it is the same
/// series. Must not outlive the metrics.
struct ActorMetrics {
  ActorMetrics(Metrics& metrics, std::string_view type);

  Counter& messages;           ///< handled, whether or not the handler threw
  Histogram& handler_seconds;  ///< of one message in HandlerTimer::every
  Gauge&
      mailbox_depth;  ///< messages that wait, summed over the actors: each adds a source, or adds and subtracts
  Counter& restarts;
  Counter& failures;   ///< ends by an exception
  Counter& stale;      ///< messages of or for an earlier incarnation, dropped
  Counter& malformed;  ///< messages that could not be read, dropped
};

/// Counts an actor's messages and times one in `every`, its first included, so that measuring costs nothing that
/// shows. For one actor: not synchronised.
class HandlerTimer {
 public:
  static constexpr std::uint32_t every = 16;

  HandlerTimer(ActorMetrics& metrics, const Clock& clock) : metrics_{&metrics}, clock_{&clock} {}

  /// Before and after a handler runs.
  void begin() noexcept {
    timed_ = until_timed_ == 0;
    until_timed_ = timed_ ? every - 1 : until_timed_ - 1;
    if (timed_) began_ = clock_->now();
  }
  void end() noexcept {
    metrics_->messages.add();
    if (timed_) {
      metrics_->handler_seconds.observe(
          std::chrono::duration<double>{clock_->now() - began_}.count());
    }
  }

  /// begin() and, however the handler ends, end().
  class Scope {
   public:
    explicit Scope(HandlerTimer& timer) : timer_{timer} { timer_.begin(); }
    ~Scope() { timer_.end(); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    HandlerTimer& timer_;
  };

 private:
  ActorMetrics* metrics_;
  const Clock* clock_;
  TimePoint began_ = {};
  std::uint32_t until_timed_ = 0;
  bool timed_ = false;
};

}  // namespace troupe::runtime
