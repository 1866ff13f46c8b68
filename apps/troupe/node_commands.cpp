#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "apps/troupe/arguments.hpp"
#include "apps/troupe/commands.hpp"
#include "runtime/base/error.hpp"
#include "runtime/control/control_client.hpp"
#include "runtime/control/control_path.hpp"
#include "runtime/control/printable.hpp"
#include "runtime/control/process_table.hpp"
#include "runtime/parameters.hpp"

namespace troupe::apps {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr Duration answer_within = 15s;

// A name, a socket's path, or nothing where just one node runs.
runtime::ControlClient connect(const std::optional<std::string>& node) {
  const auto environment = runtime::process_environment();
  std::string path;
  if (node) {
    path = node->find('/') == std::string::npos ? runtime::control_path(*node, environment) : *node;
  } else {
    const std::vector<std::string> running =
        runtime::running_nodes(runtime::control_folder(environment));
    if (running.size() != 1) {
      std::string names;
      for (const std::string& name : running) names += (names.empty() ? "" : ", ") + name;
      throw Error{ErrorCode::bad_input,
                  running.empty() ? "no node runs" : "say which node: " + names};
    }
    path = runtime::control_path(running.front(), environment);
  }
  return runtime::ControlClient{path, 5s};
}

std::optional<std::string> first(const Arguments& arguments) {
  if (arguments.rest().empty()) return {};
  return arguments.rest().front();
}

template <class T>
T number(const std::string& text, const char* what, T least, T most) {
  const auto value =
      runtime::parse_parameter(std::is_floating_point_v<T> ? runtime::ParameterType::number
                                                           : runtime::ParameterType::integer,
                               text);
  T result = least - 1;
  if (value) {
    if constexpr (std::is_floating_point_v<T>) {
      result = std::holds_alternative<double>(*value) ? std::get<double>(*value) : least - 1;
    } else {
      result = static_cast<T>(std::get<std::int64_t>(*value));
    }
  }
  if (result < least || result > most)
    throw Error{ErrorCode::bad_input, std::string{what} + ": expected a number from " +
                                          std::to_string(least) + " to " + std::to_string(most) +
                                          ", got \"" + text + "\""};
  return result;
}

}  // namespace

int ps(const Words& words) {
  const Arguments arguments{words, {}, {"--json"}};
  arguments.expect(0, 1, "at most a node");
  const std::string answer =
      connect(first(arguments)).request(R"({"command": "ps"})", answer_within);
  if (arguments.has("--json")) return std::puts(answer.c_str()), 0;
  winsize size{};
  const bool terminal =
      ::isatty(STDOUT_FILENO) != 0 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  std::fputs(render(runtime::process_table_from_json(answer), terminal ? size.ws_col : 0).c_str(),
             stdout);
  return 0;
}

int logs(const Words& words) {
  const Arguments arguments{words, {}, {"--follow"}};
  arguments.expect(0, 1, "at most a node");
  const Json request = {{"command", "logs"}, {"follow", arguments.has("--follow")}};
  connect(first(arguments))
      .stream(request.dump(), arguments.has("--follow") ? Duration{24h * 365} : answer_within,
              [](std::string_view line) {
                std::puts(runtime::printable(Json::parse(line).get<std::string>()).c_str());
                return std::fflush(stdout) == 0;
              });
  return 0;
}

int metrics(const Words& words) {
  const Arguments arguments{words, {}, {}};
  arguments.expect(0, 1, "at most a node");
  const std::string answer =
      connect(first(arguments)).request(R"({"command": "metrics"})", answer_within);
  std::fputs(Json::parse(answer).get<std::string>().c_str(), stdout);
  return 0;
}

int scale(const Words& words) {
  const Arguments arguments{words, {}, {}};
  arguments.expect(3, 3, "NODE GROUP COUNT");
  const Json request = {{"command", "scale"},
                        {"path", arguments.rest()[1]},
                        {"count", number<std::int64_t>(arguments.rest()[2], "COUNT", 0, 4096)}};
  connect(first(arguments)).request(request.dump(), answer_within);
  return 0;
}

int stop(const Words& words) {
  const Arguments arguments{words, {}, {}};
  arguments.expect(0, 1, "at most a node");
  connect(first(arguments)).request(R"({"command": "stop"})", answer_within);
  return 0;
}

namespace {

// Tells who decides on versions there: a job's coordinator, else a publisher.
int command_serving(const std::string& node, const char* name, const Json& arguments) {
  constexpr Duration within = 5min;
  runtime::ControlClient client = connect(node);
  const runtime::ProcessTable table =
      runtime::process_table_from_json(client.request(R"({"command": "ps"})", answer_within));
  std::string path;
  for (const char* type : {"coordinator", "publisher"})
    for (const runtime::ProcessRow& row : table.rows)
      if (path.empty() && row.type == type) path = row.path;
  if (path.empty()) throw Error{ErrorCode::bad_input, "node " + node + " serves nothing"};
  const Json request = {
      {"command", "ask"},
      {"path", path},
      {"name", name},
      {"arguments", arguments},
      {"within_ms", std::chrono::duration_cast<std::chrono::milliseconds>(within).count()}};
  client.stream(request.dump(), within + answer_within, [](std::string_view line) {
    std::puts(runtime::printable(Json::parse(line).get<std::string>()).c_str());
    return true;
  });
  return 0;
}

}  // namespace

int promote(const Words& words) {
  const Arguments arguments{words, {}, {"--force"}};
  arguments.expect(2, 2, "NODE and CHECKPOINT|RUN_FOLDER");
  const std::string saved = std::filesystem::absolute(arguments.rest()[1]).string();
  return command_serving(arguments.rest()[0], "promote",
                         {{"saved", saved}, {"force", arguments.has("--force")}});
}

int rollback(const Words& words) {
  const Arguments arguments{words, {}, {}};
  arguments.expect(1, 1, "NODE");
  return command_serving(arguments.rest()[0], "rollback", Json::object());
}

int fault(const Words& words) {
  const Arguments arguments{words, {"--for", "--from", "--count", "--probability", "--text"}, {}};
  arguments.expect(2, 3, "NODE KIND PATH");
  static const std::map<std::string, int> signals = {{"SIGKILL", SIGKILL}, {"SIGSEGV", SIGSEGV},
                                                     {"SIGSTOP", SIGSTOP}, {"SIGCONT", SIGCONT},
                                                     {"SIGTERM", SIGTERM}, {"SIGABRT", SIGABRT}};
  const std::string& kind = arguments.rest()[1];
  Json request = {{"command", "fault"}, {"kind", kind}};
  if (arguments.rest().size() > 2) request["path"] = arguments.rest()[2];
  if (const auto signal = signals.find(kind); signal != signals.end()) {
    request["kind"] = "signal";
    request["signal"] = signal->second;
  }
  if (const auto text = arguments.find("--for")) {
    const auto duration = runtime::parse_parameter(runtime::ParameterType::duration, *text);
    if (!duration)
      throw Error{ErrorCode::bad_input, "--for " + *text + ": expected a duration such as 500ms"};
    request["duration_ns"] = std::get<Duration>(*duration).count();
  }
  if (const auto from = arguments.find("--from")) request["from"] = *from;
  if (const auto text = arguments.find("--text")) request["text"] = *text;
  if (const auto count = arguments.find("--count"))
    request["count"] = number<std::int64_t>(*count, "--count", 1, 1'000'000);
  if (const auto probability = arguments.find("--probability"))
    request["probability"] = number<double>(*probability, "--probability", 0.0, 1.0);
  connect(first(arguments)).request(request.dump(), answer_within);
  return 0;
}

}  // namespace troupe::apps
