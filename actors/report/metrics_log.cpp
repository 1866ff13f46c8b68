#include "actors/report/metrics_log.hpp"

#include <string_view>
#include <vector>

#include "runtime/base/error.hpp"

namespace troupe::actors {
namespace {

bool is_event(std::string_view line) {
  try {
    from_json(line);
    return true;
  } catch (const Error&) {  // an outcome here: a torn line
    return false;
  }
}

/// Up to the end of the last line that is an event.
std::uint64_t whole_bytes(FileSystem& files, const std::string& path) {
  if (files.kind(path) == PathKind::none) return 0;
  const FileBytes bytes = files.map(path);
  std::string_view text{reinterpret_cast<const char*>(bytes.span().data()), bytes.span().size()};
  while (!text.empty()) {
    const std::size_t newline = text.rfind('\n');
    if (newline == std::string_view::npos) return 0;
    text = text.substr(0, newline);  // without what follows the last line end, and without that
    const std::size_t before = text.rfind('\n');
    const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
    if (is_event(text.substr(begin))) return newline + 1;
    text = text.substr(0, begin);
  }
  return 0;
}

std::vector<TensorboardWriter::Scalar> named(const std::string& group,
                                             std::vector<TensorboardWriter::Scalar> scalars) {
  for (auto& [name, value] : scalars) name.insert(0, group + '/');
  return scalars;
}

}  // namespace

MetricsLog::MetricsLog(FileSystem& files, const std::string& folder, double wall_seconds,
                       std::optional<std::uint64_t> resumed_from)
    : lines_{files, folder + "/metrics.jsonl", whole_bytes(files, folder + "/metrics.jsonl")},
      tensorboard_{files, folder, wall_seconds} {
  // The first step that will be told again is the one after those that stay.
  if (resumed_from) tensorboard_.resumed(*resumed_from + 1, wall_seconds);
}

void MetricsLog::add(const TimedEvent& timed) {
  const std::string line = to_json(timed) + '\n';
  lines_.append(std::as_bytes(std::span{line}));
  const double at = timed.at_seconds;
  if (const auto* done = std::get_if<StepsDone>(&timed.event)) {
    tensorboard_.add(done->step, at,
                     named("train", {{"loss", done->loss},
                                     {"learning_rate", done->learning_rate},
                                     {"samples_per_second", done->samples_per_second}}));
  } else if (const auto* evaluated = std::get_if<Evaluated>(&timed.event)) {
    tensorboard_.add(evaluated->step, at, named(evaluated->split, evaluated->metrics));
  } else if (const auto* seen = std::get_if<FeedbackSeen>(&timed.event)) {
    tensorboard_.add(seen->labels, at,
                     named("feedback", {{"accuracy", seen->accuracy}, {"drift", seen->drift}}));
  }
}

void MetricsLog::sync() {
  lines_.sync();
  tensorboard_.sync();
}

}  // namespace troupe::actors
