#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "actors/report/job_event.hpp"

namespace troupe::actors {

enum class ProgressStyle {
  terminal,  ///< a line a stage under way, redrawn in place, with the lasting lines above
  plain,     ///< lasting lines only: for files and pipes
  json,      ///< each event as to_json() writes it
};

struct ProgressOptions {
  ProgressStyle style = ProgressStyle::plain;
  std::size_t width = 80;  ///< columns of the terminal; below 20 counts as 20
  bool utf8 = true;        ///< else bars are plain ASCII
  bool colour = true;
  double plain_seconds = 5;  ///< the least time between two lines on progress within an epoch

  /// How to write for where the output goes: plain unless it is a terminal, and one that can do more ($TERM is set, and
  /// not "dumb"); no colours if $NO_COLOR is set and not empty (no-color.org); UTF-8 if $LC_ALL, $LC_CTYPE or $LANG, the
  /// first that is not empty, says so. `environment` is like std::getenv.
  static ProgressOptions choose(bool is_terminal, std::size_t width,
                                const std::function<const char*(const char*)>& environment);
};

/// A stage under way, as Progress keeps it.
struct RunningStage {
  std::uint64_t done = 0, total = 0;
  std::optional<StepsDone> latest;
  // Where the stage was when its first progress was told, to tell the speed: a resumed one does not begin at 0.
  std::optional<double> measured_at;
  std::uint64_t measured_done = 0;
  double now = 0;
};

/// Shows a job's events to people, or as lines of JSON. It has no clock and knows no terminal: equal events give equal
/// text. At most 10 redraws a second of the events' time. Not thread-safe.
class Progress {
 public:
  using Sink = std::function<void(std::string_view)>;

  Progress(ProgressOptions options, Sink sink);

  void show(const TimedEvent& event);
  /// Leaves the cursor on a line of its own, whatever is still under way. JobEnded does that too.
  void finish();

 private:
  void show_plain(const TimedEvent& event);
  void show_terminal(const TimedEvent& event);
  /// Takes note of the event; whether that changes which stages are under way.
  bool follow(const TimedEvent& event);
  /// Whether the event gets a line that stays.
  static bool lasts(const JobEvent& event);
  void draw(double at, const std::string& lasting_line);
  std::string stage_line(Stage stage, const RunningStage& running) const;
  std::string painted(const std::string& line, const JobEvent& event) const;

  ProgressOptions options_;
  Sink sink_;
  std::array<std::optional<RunningStage>, 5> running_;  ///< by Stage
  std::size_t lines_drawn_ = 0;  ///< of stages under way, the cursor on the last
  std::optional<double> drawn_at_;
  std::optional<double> told_at_;  ///< plain: when the latest line on progress was written
  std::uint64_t told_epoch_ = 0;
  std::string accuracy_;  ///< the latest one that was told of
};

}  // namespace troupe::actors
