#include "actors/report/progress.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "actors/report/event_line.hpp"
#include "actors/report/short_text.hpp"
#include "runtime/control/printable.hpp"

namespace troupe::actors {
namespace {

constexpr double redraw_seconds = 0.1;
constexpr std::string_view to_line_end = "\x1b[K";    // erases
constexpr std::string_view to_screen_end = "\x1b[J";  // erases

/// `columns` wide, `share` of it filled.
std::string bar(double share, std::size_t columns, bool utf8) {
  share = std::clamp(share, 0.0, 1.0);
  std::string text;
  if (!utf8) {
    const auto filled = static_cast<std::size_t>(share * static_cast<double>(columns - 2));
    return '[' + std::string(filled, '#') + std::string(columns - 2 - filled, '.') + ']';
  }
  static constexpr std::array<std::string_view, 8> eighths{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto filled = static_cast<std::size_t>(share * static_cast<double>(columns) * 8);
  for (std::size_t i = 0; i < filled / 8; ++i) text += "█";
  text += eighths[filled % 8];
  const std::size_t used = filled / 8 + (filled % 8 != 0 ? 1 : 0);
  return text + std::string(columns - used, ' ');
}

std::string padded(std::string text, std::size_t columns, bool left = false) {
  if (text.size() < columns) text.insert(left ? 0 : text.size(), columns - text.size(), ' ');
  return text;
}

}  // namespace

ProgressOptions ProgressOptions::choose(
    bool is_terminal, std::size_t width,
    const std::function<const char*(const char*)>& environment) {
  const auto get = [&environment](const char* name) {
    const char* const value = environment(name);
    return std::string{value != nullptr ? value : ""};
  };
  ProgressOptions options;
  const std::string term = get("TERM");
  if (is_terminal && !term.empty() && term != "dumb") options.style = ProgressStyle::terminal;
  options.width = width;
  options.colour = get("NO_COLOR").empty();
  std::string locale;
  for (const char* const name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (locale.empty()) locale = get(name);
  }
  std::ranges::transform(locale, locale.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  options.utf8 =
      locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
  return options;
}

Progress::Progress(ProgressOptions options, Sink sink) : options_{options}, sink_{std::move(sink)} {
  options_.width = std::max<std::size_t>(options_.width, 20);
}

void Progress::show(const TimedEvent& event) {
  switch (options_.style) {
    case ProgressStyle::terminal:
      return show_terminal(event);
    case ProgressStyle::plain:
      return show_plain(event);
    case ProgressStyle::json:
      return sink_(to_json(event) + '\n');
  }
}

void Progress::finish() {
  if (lines_drawn_ > 0) sink_("\n");
  lines_drawn_ = 0;
}

bool Progress::lasts(const JobEvent& event) {
  return !std::holds_alternative<StageProgress>(event) && !std::holds_alternative<StepsDone>(event);
}

void Progress::show_plain(const TimedEvent& timed) {
  bool tell = lasts(timed.event);
  if (!tell) {
    const auto* done = std::get_if<StepsDone>(&timed.event);
    const bool new_epoch = done != nullptr && done->epoch != told_epoch_;
    const bool last = done != nullptr && done->step == done->steps;
    const double passed = told_at_ ? timed.at_seconds - *told_at_ : options_.plain_seconds;
    tell = new_epoch || last || passed < 0 || passed >= options_.plain_seconds;
    if (tell) told_at_ = timed.at_seconds;
    if (done != nullptr) told_epoch_ = done->epoch;
  } else if (std::holds_alternative<StageBegan>(timed.event)) {
    told_at_ = timed.at_seconds;
  }
  if (tell) sink_(event_line(timed.event) + '\n');
}

bool Progress::follow(const TimedEvent& timed) {
  const auto stage = [this](Stage which) -> std::optional<RunningStage>& {
    return running_.at(static_cast<std::size_t>(which));
  };
  const auto advance = [&](Stage which, std::uint64_t done, std::uint64_t total) -> RunningStage& {
    std::optional<RunningStage>& running = stage(which);
    if (!running) running.emplace();
    running->done = done;
    if (total != 0) running->total = total;
    running->now = timed.at_seconds;
    if (!running->measured_at || done < running->measured_done) {
      running->measured_at = timed.at_seconds;
      running->measured_done = done;
    }
    return *running;
  };
  if (const auto* began = std::get_if<StageBegan>(&timed.event)) {
    stage(began->stage).emplace().total = began->total;
    return true;
  }
  if (const auto* ended = std::get_if<StageEnded>(&timed.event)) {
    stage(ended->stage).reset();
    return true;
  }
  if (const auto* progress = std::get_if<StageProgress>(&timed.event)) {
    const bool is_new = !stage(progress->stage);
    advance(progress->stage, progress->done, progress->total);
    return is_new;
  }
  if (const auto* done = std::get_if<StepsDone>(&timed.event)) {
    const bool is_new = !stage(Stage::train);
    advance(Stage::train, done->step, done->steps).latest = *done;
    return is_new;
  }
  if (const auto* evaluated = std::get_if<Evaluated>(&timed.event)) {
    for (const auto& [name, value] : evaluated->metrics) {
      if (name == "accuracy") accuracy_ = short_number(value);
    }
  }
  return false;
}

void Progress::show_terminal(const TimedEvent& timed) {
  const bool changed = follow(timed);
  const bool ended = std::holds_alternative<JobEnded>(timed.event);
  if (ended) running_ = {};
  // That a stage begins is seen from its bar.
  const bool stays = lasts(timed.event) && !std::holds_alternative<StageBegan>(timed.event);
  const double passed = drawn_at_ ? timed.at_seconds - *drawn_at_ : redraw_seconds;
  // A hair less than the interval: the difference of two times is rounded.
  const bool due = passed < 0 || passed >= redraw_seconds - 1e-6;
  if (!changed && !stays && !due) return;
  draw(timed.at_seconds, stays ? painted(event_line(timed.event), timed.event) : std::string{});
}

void Progress::draw(double at, const std::string& lasting_line) {
  std::string text;
  if (lines_drawn_ > 0) text += '\r';
  if (lines_drawn_ > 1) text += "\x1b[" + std::to_string(lines_drawn_ - 1) + 'A';
  if (!lasting_line.empty()) text += lasting_line + std::string{to_line_end} + '\n';
  lines_drawn_ = 0;
  for (std::size_t i = 0; i < running_.size(); ++i) {
    if (!running_[i]) continue;
    if (lines_drawn_++ > 0) text += std::string{to_line_end} + '\n';
    text += stage_line(static_cast<Stage>(i), *running_[i]);
  }
  text += to_screen_end;
  drawn_at_ = at;
  sink_(text);
}

std::string Progress::stage_line(Stage stage, const RunningStage& running) const {
  // One column stays free, lest the terminal goes on to the next line by itself.
  const std::size_t width = options_.width - 1;
  std::vector<std::string> parts;
  const auto done = static_cast<double>(running.done);
  const auto total = static_cast<double>(running.total);
  parts.push_back(std::to_string(running.done) +
                  (running.total != 0 ? '/' + std::to_string(running.total) : "") + ' ' +
                  std::string{unit_of(stage)});
  // What matters most comes first: where there is no room, the last ones go.
  if (running.latest) parts.push_back("loss " + short_number(running.latest->loss));
  if (running.latest && !accuracy_.empty()) parts.push_back("accuracy " + accuracy_);
  if (running.total > running.done && running.done > running.measured_done) {
    const double passed = running.now - running.measured_at.value_or(running.now);
    const double left =
        passed * (total - done) / (done - static_cast<double>(running.measured_done));
    parts.push_back("ETA " + short_duration(left));
  }
  if (running.latest) {
    parts.push_back(short_count(running.latest->samples_per_second) + " samples/s");
  }
  const std::size_t least_bar = width < 40 ? 0 : 10;  // no bar at all where there is no room
  std::string line = padded(std::string{to_string(stage)}, 9);
  std::string tail;
  for (const std::string& part : parts) {
    if (line.size() + least_bar + 5 + tail.size() + 2 + part.size() > width) break;
    tail += "  " + part;
  }
  if (running.total == 0) return runtime::cut(line + tail, width);
  if (least_bar > 0) {
    const std::size_t room = width - line.size() - 5 - tail.size();  // at least least_bar
    line += bar(done / total, std::min<std::size_t>(room, 30), options_.utf8);
  }
  const auto percent = static_cast<std::uint64_t>(100 * std::min(done / total, 1.0));
  return runtime::cut(line + padded(std::to_string(percent) + '%', 5, true) + tail, width);
}

std::string Progress::painted(const std::string& line, const JobEvent& event) const {
  std::string_view colour;
  if (const auto* notice = std::get_if<Notice>(&event)) {
    if (notice->level != "info") colour = "\x1b[33m";  // yellow
  } else if (const auto* gate = std::get_if<GateDecided>(&event)) {
    colour = gate->passed ? "\x1b[32m" : "\x1b[31m";  // green, red
  } else if (const auto* end = std::get_if<JobEnded>(&event)) {
    colour = end->ok ? "\x1b[32m" : "\x1b[31m";
  }
  if (!options_.colour || colour.empty()) return line;
  return std::string{colour} + line + "\x1b[0m";
}

}  // namespace troupe::actors
