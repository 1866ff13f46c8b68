#include "actors/report/event_line.hpp"

#include <cmath>

#include "actors/report/short_text.hpp"
#include "runtime/control/printable.hpp"

namespace troupe::actors {
namespace {

using runtime::printable;

std::string in_brackets(const std::string& text) {
  return text.empty() ? text : " (" + printable(text) + ')';
}

std::string after_colon(const std::string& text) {
  return text.empty() ? text : ": " + printable(text);
}

std::string name_of(Stage stage) {
  return std::string{to_string(stage)};
}

/// "370/1000 (37%)", or "370" if nobody knows of how many.
std::string of_total(std::uint64_t done, std::uint64_t total) {
  std::string text = std::to_string(done);
  if (total == 0) return text;
  const double percent = 100 * static_cast<double>(done) / static_cast<double>(total);
  return text + '/' + std::to_string(total) + " (" +
         std::to_string(static_cast<std::uint64_t>(percent)) + "%)";
}

struct Line {
  std::string operator()(const StageBegan& e) const {
    std::string text = name_of(e.stage) + after_colon(e.what);
    if (e.total == 0) return e.what.empty() ? text + ": begins" : text;
    text += e.what.empty() ? ": " : ", ";
    return text + std::to_string(e.total) + ' ' + std::string{unit_of(e.stage)};
  }
  std::string operator()(const StageProgress& e) const {
    return name_of(e.stage) + ": " + of_total(e.done, e.total) + ' ' +
           std::string{unit_of(e.stage)};
  }
  std::string operator()(const StageEnded& e) const {
    return name_of(e.stage) + ": done in " + short_duration(e.seconds) + in_brackets(e.summary);
  }
  std::string operator()(const StepsDone& e) const {
    return "train: step " + std::to_string(e.step) + '/' + std::to_string(e.steps) + ", epoch " +
           std::to_string(e.epoch + 1) + '/' + std::to_string(e.epochs) + ", loss " +
           short_number(e.loss) + ", learning rate " + short_number(e.learning_rate) + ", " +
           short_count(e.samples_per_second) + " samples/s";
  }
  std::string operator()(const Evaluated& e) const {
    std::string text = printable(e.split) + " after step " + std::to_string(e.step) + ':';
    const char* comma = " ";
    for (const auto& [name, value] : e.metrics) {
      text += comma + printable(name) + ' ' + short_number(value);
      comma = ", ";
    }
    return text;
  }
  std::string operator()(const Checkpointed& e) const {
    return "checkpoint of step " + std::to_string(e.step) + after_colon(e.folder);
  }
  std::string operator()(const GateDecided& e) const {
    return "gate " + printable(e.rule) + (e.passed ? ": passed" : ": not passed") +
           in_brackets(e.why);
  }
  std::string operator()(const Deployed& e) const {
    return "deployed: " + printable(e.model) + " version " + std::to_string(e.version) + " at " +
           printable(e.address);
  }
  std::string operator()(const FeedbackSeen& e) const {
    std::string text =
        "feedback: " + std::to_string(e.labels) + (e.labels == 1 ? " label" : " labels");
    // What is not known yet is not a number.
    if (!std::isnan(e.accuracy)) text += ", accuracy " + short_number(e.accuracy);
    if (!std::isnan(e.drift)) text += ", drift " + short_number(e.drift);
    return text;
  }
  std::string operator()(const Notice& e) const {
    return (e.level == "info" ? "" : printable(e.level) + ": ") + printable(e.text);
  }
  std::string operator()(const JobEnded& e) const {
    // One that failed before it was known where it stands has no step.
    const std::string after = e.ok || e.step > 0 ? " after step " + std::to_string(e.step) : "";
    return (e.ok ? "done" : "failed") + after + after_colon(e.reason);
  }
};

}  // namespace

std::string_view unit_of(Stage stage) {
  switch (stage) {
    case Stage::prepare:
      return "records";
    case Stage::train:
      return "steps";
    case Stage::evaluate:
      return "rows";
    case Stage::deploy:
      return "replicas";
    case Stage::serve:
      return "requests";
  }
  return "";
}

std::string event_line(const JobEvent& event) {
  return std::visit(Line{}, event);
}

}  // namespace troupe::actors
