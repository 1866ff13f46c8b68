#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "actors/report/job_event.hpp"

namespace troupe::actors {

/// Collects what a job's events leave to be told at its end. Not thread-safe.
class Summary {
 public:
  void add(const TimedEvent& event);

  /// Tables of the stages with their seconds and of the latest metrics of each split; then, a line each, what there is of
  /// checkpoint (that of the version which the job gave, else the latest), models, feedback, gates, warnings, files, state
  /// hash and the job's end. Ends with a line end, unless there is nothing to tell. Equal events give equal text.
  std::string text() const;

 private:
  struct StageTotal {
    double seconds = 0;  ///< of all its runs
    std::uint64_t runs = 0;
    std::string summary;  ///< of the latest one
  };

  std::array<StageTotal, 5> stages_{};          ///< by Stage
  std::map<std::string, Evaluated> evaluated_;  ///< by split: the latest
  std::map<std::string, Deployed> models_;      ///< by name: the latest version
  std::map<std::string, GateDecided> gates_;    ///< by rule: the latest decision
  std::optional<Checkpointed> checkpoint_;
  std::optional<FeedbackSeen> feedback_;
  std::optional<JobEnded> end_;
  std::uint64_t warnings_ = 0;
};

}  // namespace troupe::actors
