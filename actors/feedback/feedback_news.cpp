#include "actors/feedback/feedback_news.hpp"

#include <limits>
#include <utility>

#include "actors/report/job_news.hpp"

namespace troupe::actors {

FeedbackNews::FeedbackNews(runtime::Context& context, const std::string& observer)
    : context_{context} {
  if (!observer.empty()) observer_ = context.ref(observer);
}

void FeedbackNews::seen(const MonitorReadings& readings) {
  const auto labels = static_cast<std::uint64_t>(readings.all_labels);
  // What was there at the start is no news.
  if (!observer_ || std::exchange(labels_, labels).value_or(labels) == labels) return;
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  const auto drift = readings.drift ? readings.drift->largest(readings.features) : std::nullopt;
  waiting_ = FeedbackSeen{labels, readings.accuracy.value_or(none), drift ? drift->value : none};
  if (!resting_) tell();
}

void FeedbackNews::tell() {
  if (!waiting_) return;
  const FeedbackSeen seen = *std::exchange(waiting_, std::nullopt);
  tell_news(context_, observer_, seen);
  if (std::exchange(resting_, true)) return;
  context_.after(every, [this] {
    resting_ = false;
    tell();
  });
}

}  // namespace troupe::actors
