#pragma once

#include <optional>
#include <string>

#include "actors/feedback/feedback_monitor.hpp"
#include "actors/report/job_event.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/ref.hpp"

namespace troupe::actors {

/// A member of an actor that tells an observer how feedback stands when labels have come: at once, then not before
/// `every`.
class FeedbackNews {
 public:
  static constexpr Duration every = std::chrono::seconds{10};

  /// @param observer  its path; empty: nobody is told
  FeedbackNews(runtime::Context& context, const std::string& observer);

  void seen(const MonitorReadings& readings);
  /// Tells what it has not told yet.
  void tell();

 private:
  runtime::Context& context_;
  runtime::Ref observer_;
  std::optional<FeedbackSeen> waiting_;
  std::optional<std::uint64_t> labels_;  // that were seen last
  bool resting_ = false;
};

}  // namespace troupe::actors
