#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace troupe::actors {

/// The parts of a job, in the order in which they begin.
enum class Stage { prepare, train, evaluate, deploy, serve };

/// "prepare", "train", …
std::string_view to_string(Stage stage);

// What people and tools are told of a job, as it happens. None of it feeds back into the job's result.

struct StageBegan {
  Stage stage = Stage::prepare;
  std::uint64_t total = 0;  ///< records, steps or rows that are ahead; 0 if nobody knows
  std::string what;         ///< of whom: a data set, a model, a split

  bool operator==(const StageBegan&) const = default;
};
struct StageProgress {
  Stage stage = Stage::prepare;
  std::uint64_t done = 0, total = 0;

  bool operator==(const StageProgress&) const = default;
};
struct StageEnded {
  Stage stage = Stage::prepare;
  double seconds = 0;
  std::string summary;

  bool operator==(const StageEnded&) const = default;
};
struct StepsDone {
  std::uint64_t step = 0, steps = 0;  ///< steps that are committed, of how many
  std::uint64_t epoch = 0,
                epochs = 0;  ///< the epoch that the last of them is in, from 0; of how many
  double loss = 0;           ///< of the last of them, a mean over its rows
  double learning_rate = 0;
  double samples_per_second = 0;

  bool operator==(const StepsDone&) const = default;
};
struct Evaluated {
  std::string split;
  std::uint64_t step = 0;  ///< which version of the model: after so many steps
  std::vector<std::pair<std::string, double>> metrics;  ///< names differ

  bool operator==(const Evaluated&) const = default;
};
struct Checkpointed {
  std::uint64_t step = 0;
  std::string folder;

  bool operator==(const Checkpointed&) const = default;
};
struct GateDecided {
  std::string rule;
  bool passed = false;
  std::string why;

  bool operator==(const GateDecided&) const = default;
};
struct Deployed {
  std::string model;
  std::uint64_t version = 0;
  std::string address;

  bool operator==(const Deployed&) const = default;
};
struct FeedbackSeen {
  std::uint64_t labels = 0;        ///< in all
  double accuracy = 0, drift = 0;  ///< of the windows; NaN: not known yet

  bool operator==(const FeedbackSeen&) const = default;
};
struct Notice {
  std::string level;  ///< "info", "warning", or "error", which ends the run
  std::string text;

  bool operator==(const Notice&) const = default;
};
struct JobEnded {
  bool ok = false;
  std::uint64_t step = 0;  ///< of a failure 0 also where it is not known
  std::string state_hash;  ///< hexadecimal; empty if there is none
  std::string reason;      ///< why it failed, or ended early; empty if neither
  std::string run_folder;

  bool operator==(const JobEnded&) const = default;
};

using JobEvent = std::variant<StageBegan, StageProgress, StageEnded, StepsDone, Evaluated,
                              Checkpointed, GateDecided, Deployed, FeedbackSeen, Notice, JobEnded>;

struct TimedEvent {
  double at_seconds = 0;  ///< since the epoch (1970, UTC), by the caller's clock
  JobEvent event;

  bool operator==(const TimedEvent&) const = default;
};

/// One line of JSON, without its end, for instance
///
///     {"at":1700000000.5,"event":"steps_done","step":10,"steps":100,"epoch":0,…,"loss":0.25,…}
///
/// A number that is not finite is the text "nan", "inf" or "-inf"; all others are read back to the same bits. Bytes
/// that are not UTF-8 become U+FFFD; of two metrics of one name the later one stays.
std::string to_json(const TimedEvent& event);

/// What to_json() wrote. @throws Error bad_input that names the member, if the line is no JSON, or a member is missing,
///         unknown, there twice, or of another type.
TimedEvent from_json(std::string_view line);

}  // namespace troupe::actors
