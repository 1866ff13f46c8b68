#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "actors/report/append_file.hpp"
#include "actors/report/job_event.hpp"
#include "actors/report/tensorboard.hpp"
#include "runtime/base/file.hpp"

namespace troupe::actors {

/// Keeps a job's events in its run folder: each as a line of metrics.jsonl, and the numbers for TensorBoard:
///
///     train/loss, train/learning_rate, train/samples_per_second   by step
///     SPLIT/METRIC                                                by step
///     feedback/accuracy, feedback/drift                           by number of labels
///
/// A resumed job's lines follow the old ones: of two lines on one step the later one counts. Not thread-safe.
class MetricsLog {
 public:
  /// Goes on with what is in `folder`; at the end of metrics.jsonl what is no whole line of an event, such as a power cut
  /// leaves, is cut off. @param resumed_from after how many steps the job goes on, if it does
  MetricsLog(FileSystem& files, const std::string& folder, double wall_seconds,
             std::optional<std::uint64_t> resumed_from = {});

  /// @throws Error as the file system does; nothing of this event is in metrics.jsonl then, or all of it.
  void add(const TimedEvent& event);
  /// Returns when all events are on the disk.
  void sync();

 private:
  AppendFile lines_;
  TensorboardWriter tensorboard_;
};

}  // namespace troupe::actors
