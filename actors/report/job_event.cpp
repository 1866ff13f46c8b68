#include "actors/report/job_event.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "runtime/base/error.hpp"

namespace troupe::actors {
namespace {

using Json = nlohmann::ordered_json;  // members in the order of writing, metrics in the job's

constexpr std::array<std::string_view, 5> stages{"prepare", "train", "evaluate", "deploy", "serve"};
// In the order of JobEvent's alternatives.
constexpr std::array<std::string_view, std::variant_size_v<JobEvent>> names{
    "stage_began",  "stage_progress", "stage_ended", "steps_done", "evaluated", "checkpointed",
    "gate_decided", "deployed",       "feedback",    "notice",     "job_ended"};

// Which members an event has: `f` writes or reads them.
template <class F>
void members(StageBegan& e, F&& f) {
  f("stage", e.stage), f("total", e.total), f("what", e.what);
}
template <class F>
void members(StageProgress& e, F&& f) {
  f("stage", e.stage), f("done", e.done), f("total", e.total);
}
template <class F>
void members(StageEnded& e, F&& f) {
  f("stage", e.stage), f("seconds", e.seconds), f("summary", e.summary);
}
template <class F>
void members(StepsDone& e, F&& f) {
  f("step", e.step), f("steps", e.steps), f("epoch", e.epoch), f("epochs", e.epochs);
  f("loss", e.loss), f("learning_rate", e.learning_rate);
  f("samples_per_second", e.samples_per_second);
}
template <class F>
void members(Evaluated& e, F&& f) {
  f("split", e.split), f("step", e.step), f("metrics", e.metrics);
}
template <class F>
void members(Checkpointed& e, F&& f) {
  f("step", e.step), f("folder", e.folder);
}
template <class F>
void members(GateDecided& e, F&& f) {
  f("rule", e.rule), f("passed", e.passed), f("why", e.why);
}
template <class F>
void members(Deployed& e, F&& f) {
  f("model", e.model), f("version", e.version), f("address", e.address);
}
template <class F>
void members(FeedbackSeen& e, F&& f) {
  f("labels", e.labels), f("accuracy", e.accuracy), f("drift", e.drift);
}
template <class F>
void members(Notice& e, F&& f) {
  f("level", e.level), f("text", e.text);
}
template <class F>
void members(JobEnded& e, F&& f) {
  f("ok", e.ok), f("step", e.step), f("state_hash", e.state_hash), f("reason", e.reason);
  f("run_folder", e.run_folder);
}

struct Writer {
  Json& out;

  static Json value(double number) {
    if (std::isnan(number)) return "nan";
    if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
    return number;
  }

  void operator()(const char* name, double number) { out[name] = value(number); }
  void operator()(const char* name, std::uint64_t number) { out[name] = number; }
  void operator()(const char* name, bool truth) { out[name] = truth; }
  void operator()(const char* name, const std::string& text) { out[name] = text; }
  void operator()(const char* name, Stage stage) { out[name] = std::string{to_string(stage)}; }
  void operator()(const char* name, const std::vector<std::pair<std::string, double>>& metrics) {
    Json& map = out[name] = Json::object();
    for (const auto& [metric, number] : metrics) map[metric] = value(number);
  }
};

[[noreturn]] void refuse(const std::string& what) {
  throw Error{ErrorCode::bad_input, "job event: " + what};
}

struct Reader {
  const Json& in;

  const Json& member(const std::string& name) {
    const auto found = in.find(name);
    if (found == in.end()) refuse("expected the member \"" + name + "\", got none");
    return *found;
  }
  [[noreturn]] static void mismatch(const std::string& name, const char* expected,
                                    const Json& found) {
    std::string text = found.dump(-1, ' ', true);
    if (text.size() > 60) text = text.substr(0, 57) + "...";
    refuse(name + ": expected " + expected + ", got " + text);
  }
  static double number(const std::string& name, const Json& value) {
    if (value.is_number()) return value.get<double>();
    if (value == "nan") return std::numeric_limits<double>::quiet_NaN();
    if (value == "inf") return std::numeric_limits<double>::infinity();
    if (value == "-inf") return -std::numeric_limits<double>::infinity();
    mismatch(name, "a number", value);
  }

  void operator()(const char* name, double& out) { out = number(name, member(name)); }
  void operator()(const char* name, std::uint64_t& out) {
    const Json& value = member(name);
    if (!value.is_number_unsigned()) mismatch(name, "a whole number from 0", value);
    out = value.get<std::uint64_t>();
  }
  void operator()(const char* name, bool& out) {
    const Json& value = member(name);
    if (!value.is_boolean()) mismatch(name, "true or false", value);
    out = value.get<bool>();
  }
  void operator()(const char* name, std::string& out) {
    const Json& value = member(name);
    if (!value.is_string()) mismatch(name, "a text", value);
    out = value.get<std::string>();
  }
  void operator()(const char* name, Stage& out) {
    const Json& value = member(name);
    for (std::size_t i = 0; i < stages.size(); ++i) {
      if (value.is_string() && value.get_ref<const std::string&>() == stages[i]) {
        out = static_cast<Stage>(i);
        return;
      }
    }
    mismatch(name, "prepare, train, evaluate, deploy or serve", value);
  }
  void operator()(const char* name, std::vector<std::pair<std::string, double>>& out) {
    const Json& value = member(name);
    if (!value.is_object()) mismatch(name, "a map of numbers", value);
    for (const auto& [metric, result] : value.items()) {
      out.emplace_back(metric, number("metrics: " + metric, result));
    }
  }
};

/// JSON of at most three levels in which no map has a key twice. nlohmann would keep one of the two.
Json parse(std::string_view line) {
  constexpr int deepest = 3;
  std::array<std::set<std::string>, deepest + 1> keys;
  std::string twice;
  bool deep = false;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > deepest) deep = true;
    if (deep) return false;
    const auto level = static_cast<std::size_t>(depth);
    if (event == Json::parse_event_t::object_end && level < deepest) keys[level + 1].clear();
    if (event == Json::parse_event_t::key) {
      const auto& key = value.get_ref<const std::string&>();
      if (!keys[level].insert(key).second) twice = key;
    }
    return true;
  };
  // A NUL would end the text early.
  Json parsed = line.find('\0') == std::string_view::npos
                    ? Json::parse(line.begin(), line.end(), watch, false)
                    : Json(Json::value_t::discarded);
  if (!twice.empty()) refuse("the member \"" + twice + "\" is there twice");
  if (deep || parsed.is_discarded() || !parsed.is_object()) {
    refuse("expected one JSON object on a line, got " + std::to_string(line.size()) +
           " bytes of something else");
  }
  return parsed;
}

template <std::size_t index = 0>
JobEvent make(std::size_t kind) {
  if constexpr (index < std::variant_size_v<JobEvent>) {
    if (kind == index) return JobEvent{std::in_place_index<index>};
    return make<index + 1>(kind);
  } else {
    refuse("no such kind");
  }
}

}  // namespace

std::string_view to_string(Stage stage) {
  return stages.at(static_cast<std::size_t>(stage));
}

std::string to_json(const TimedEvent& timed) {
  Json out = Json::object();
  Writer write{out};
  write("at", timed.at_seconds);
  write("event", std::string{names.at(timed.event.index())});
  JobEvent event = timed.event;  // members() serves both ways and so takes what can be changed
  std::visit([&write](auto& alternative) { members(alternative, write); }, event);
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

TimedEvent from_json(std::string_view line) {
  const Json in = parse(line);
  Reader read{in};
  TimedEvent timed;
  std::string name;
  read("at", timed.at_seconds);
  read("event", name);
  std::size_t kind = 0;
  while (kind < names.size() && names[kind] != name) ++kind;
  if (kind == names.size()) {
    Reader::mismatch("event", "a kind such as steps_done", in.at("event"));
  }
  timed.event = make(kind);
  std::set<std::string> known{"at", "event"};
  std::visit(
      [&](auto& alternative) {
        members(alternative, [&](const char* member, auto& value) {
          known.insert(member);
          read(member, value);
        });
      },
      timed.event);
  for (const auto& [member, value] : in.items()) {
    if (!known.contains(member)) refuse(name + ": unknown member \"" + member + "\"");
  }
  return timed;
}

}  // namespace troupe::actors
