#include "actors/report/summary.hpp"

#include <algorithm>
#include <vector>

#include "actors/report/event_line.hpp"
#include "actors/report/run_folder.hpp"
#include "actors/report/short_text.hpp"
#include "runtime/control/printable.hpp"

namespace troupe::actors {
namespace {

using runtime::printable;
using Row = std::vector<std::string>;

/// Columns are as wide as their widest cell, two spaces apart.
std::string table(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], runtime::columns(row[i]));
    }
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i] + std::string(widths[i] - runtime::columns(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

std::string shown(const Checkpointed& checkpoint) {
  return printable(checkpoint.folder) + " (step " + std::to_string(checkpoint.step) + ')';
}

}  // namespace

void Summary::add(const TimedEvent& timed) {
  if (const auto* ended = std::get_if<StageEnded>(&timed.event)) {
    StageTotal& total = stages_.at(static_cast<std::size_t>(ended->stage));
    total.seconds += ended->seconds;
    ++total.runs;
    total.summary = ended->summary;
  } else if (const auto* evaluated = std::get_if<Evaluated>(&timed.event)) {
    evaluated_[evaluated->split] = *evaluated;
  } else if (const auto* deployed = std::get_if<Deployed>(&timed.event)) {
    models_[deployed->model] = *deployed;
  } else if (const auto* gate = std::get_if<GateDecided>(&timed.event)) {
    gates_[gate->rule] = *gate;
  } else if (const auto* checkpoint = std::get_if<Checkpointed>(&timed.event)) {
    checkpoint_ = *checkpoint;
  } else if (const auto* feedback = std::get_if<FeedbackSeen>(&timed.event)) {
    feedback_ = *feedback;
  } else if (const auto* notice = std::get_if<Notice>(&timed.event)) {
    if (notice->level != "info") ++warnings_;
  } else if (const auto* end = std::get_if<JobEnded>(&timed.event)) {
    end_ = *end;
  }
}

std::string Summary::text() const {
  std::vector<std::string> blocks;
  std::vector<Row> rows{{"stage", "time"}};
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    const StageTotal& total = stages_[i];
    if (total.runs == 0) continue;
    rows.push_back({std::string{to_string(static_cast<Stage>(i))}, short_duration(total.seconds),
                    (total.runs > 1 ? std::to_string(total.runs) + " times; " : "") +
                        printable(total.summary)});
    if (total.summary.empty() && total.runs > 1) {
      rows.back()[2] = std::to_string(total.runs) + " times";
    }
  }
  if (rows.size() > 1) blocks.push_back(table(rows));

  // One column a metric, in the order in which the splits name them.
  Row names;
  for (const auto& [split, evaluated] : evaluated_) {
    for (const auto& [name, value] : evaluated.metrics) {
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
  }
  rows = {{"split", "step"}};
  for (const std::string& name : names) rows[0].push_back(printable(name));
  for (const auto& [split, evaluated] : evaluated_) {
    Row row{printable(split), std::to_string(evaluated.step)};
    for (const std::string& name : names) {
      const auto found =
          std::ranges::find(evaluated.metrics, name, &std::pair<std::string, double>::first);
      row.push_back(found == evaluated.metrics.end() ? "-" : short_number(found->second));
    }
    rows.push_back(std::move(row));
  }
  if (rows.size() > 1) blocks.push_back(table(rows));

  rows.clear();
  if (end_ && !end_->state_hash.empty()) {
    const std::string folder = RunFolder::checkpoint_in(end_->run_folder, end_->step);
    rows.push_back({"checkpoint", shown({end_->step, folder})});
  } else if (checkpoint_) {
    rows.push_back({"checkpoint", shown(*checkpoint_)});
  }
  for (const auto& [name, model] : models_) {
    rows.push_back({"model", printable(name) + " version " + std::to_string(model.version) +
                                 " at " + printable(model.address)});
  }
  for (const auto& [rule, gate] : gates_) {
    rows.push_back({"gate", printable(rule) + (gate.passed ? ": passed" : ": not passed") +
                                (gate.why.empty() ? "" : " (" + printable(gate.why) + ')')});
  }
  if (feedback_) {
    const std::string line = event_line(*feedback_);
    rows.push_back({"feedback", line.substr(line.find(' ') + 1)});
  }
  if (warnings_ > 0) rows.push_back({"warnings", std::to_string(warnings_)});
  if (end_) {
    if (!end_->run_folder.empty()) rows.push_back({"files", printable(end_->run_folder)});
    if (!end_->state_hash.empty()) rows.push_back({"state hash", printable(end_->state_hash)});
    rows.push_back({"job", event_line(*end_)});
  }
  if (!rows.empty()) blocks.push_back(table(rows));

  std::string text;
  for (const std::string& block : blocks) text += (text.empty() ? "" : "\n") + block;
  return text;
}

}  // namespace troupe::actors
