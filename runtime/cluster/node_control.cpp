#include "runtime/cluster/node_control.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "runtime/actor/fault_order.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/node_core.hpp"
#include "runtime/control/command.hpp"
#include "runtime/control/control_path.hpp"
#include "runtime/control/process_table.hpp"
#include "runtime/supervision/tree_messages.hpp"
#include "runtime/telemetry/log.hpp"

namespace troupe::runtime {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr Duration most_command_time = 10min;

std::string text(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// A field of a request. What nlohmann-json throws for a wrong type is one line that names neither.
template <class T>
T field(const Json& request, const char* name, std::optional<T> otherwise = {}) {
  const auto at = request.find(name);
  if (at == request.end() && otherwise) return *std::move(otherwise);
  try {
    if (at != request.end()) return at->get<T>();
  } catch (const Json::exception&) {
  }
  throw Error{ErrorCode::bad_input,
              std::string{"control request: \""} + name + "\" is missing or of another type"};
}

// Sends the log's lines from a number on, then, if wanted, those that come.
void send_log(NodeCore& core, ControlAnswer answer, std::uint64_t from, bool follow) {
  constexpr std::size_t at_once = 500;
  for (;;) {
    const LogTail tail = core.log().records_since(from, at_once);
    for (const LogRecord& record : tail.records) {
      std::string line = to_line(record, LogFormat::text);
      if (!line.empty()) line.pop_back();
      answer.line(text(line));
    }
    from = tail.next;
    if (tail.records.size() < at_once) break;
  }
  if (!follow) return answer.end();
  if (!answer.alive()) return;
  core.timers().add(core.clock().now() + 100ms,
                    [&core, answer, from] { send_log(core, answer, from, true); });
}

void inject(NodeCore& core, const Json& request) {
  using Kind = FaultOrder::Kind;
  static const std::map<std::string, Kind> kinds = {
      {"kill", Kind::kill},  {"throw", Kind::throw_next}, {"stall", Kind::stall},
      {"drop", Kind::drop},  {"delay", Kind::delay},      {"duplicate", Kind::duplicate},
      {"clear", Kind::clear}};
  const auto kind = field<std::string>(request, "kind");
  FaultOrder order;
  order.path = field<std::string>(request, "path",
                                  kind == "clear" ? std::optional<std::string>{""} : std::nullopt);
  if (kind == "signal") {
    if (core.signal_process(order.path, field<int>(request, "signal"))) return;
    throw Error{ErrorCode::bad_input, "fault: " + order.path + " has no process of its own"};
  }
  const auto at = kinds.find(kind);
  if (at == kinds.end()) throw Error{ErrorCode::bad_input, "fault: unknown kind \"" + kind + "\""};
  order.kind = at->second;
  order.from = field<std::string>(request, "from", order.from);
  order.text = field<std::string>(request, "text", order.text);
  order.duration = Duration{field<std::int64_t>(request, "duration_ns", 0)};
  order.count = field<std::uint32_t>(request, "count", 1);
  order.probability = field<double>(request, "probability", 1.0);
  core.inject(order);
}

}  // namespace

NodeControl::NodeControl(NodeCore& core, const std::string& node, const std::string& path,
                         std::function<void()> stop) {
  std::map<std::string, ControlServer::Handler> handlers;
  handlers["ps"] = [&core, node](const std::string&, ControlAnswer answer) {
    answer.ok(to_json(core.processes(node)));
  };
  handlers["metrics"] = [&core](const std::string&, ControlAnswer answer) {
    answer.ok(text(core.metrics()));
  };
  handlers["logs"] = [&core](const std::string& request, ControlAnswer answer) {
    const Json json = Json::parse(request);
    const bool follow = field<bool>(json, "follow", false);
    answer.stream();
    send_log(core, std::move(answer), field<std::uint64_t>(json, "from", 0), follow);
  };
  handlers["scale"] = [&core](const std::string& request, ControlAnswer answer) {
    const Json json = Json::parse(request);
    const ScaleChildren scale{field<std::uint32_t>(json, "count")};
    core.ask(core.names().ref(field<std::string>(json, "path")), ScaleChildren::type(),
             to_frame(scale), 9s, [answer](const runtime::Answer& done) mutable {
               done.ok() ? answer.ok("\"done\"") : answer.error(done.failure().text);
             });
  };
  handlers["ask"] = [&core](const std::string& request, ControlAnswer answer) {
    const Json json = Json::parse(request);
    const Command command{field<std::string>(json, "name"),
                          text(field<Json>(json, "arguments", Json::object()))};
    const auto within = std::chrono::milliseconds{field<std::uint32_t>(json, "within_ms", 60'000)};
    answer.stream();  // it may take longer than answers do
    core.ask(core.names().ref(field<std::string>(json, "path")), Command::type(), to_frame(command),
             std::min<Duration>(within, most_command_time),
             [answer](const runtime::Answer& done) mutable {
               if (!done.ok()) return answer.error(done.failure().text);
               try {
                 const CommandResult result = read_command_result(done.frame());
                 if (!result.ok) return answer.error(result.text);
                 answer.line(text(result.text));
                 answer.end();
               } catch (const std::exception& error) {
                 answer.error(error.what());
               }
             });
  };
  handlers["stop"] = [stop = std::move(stop)](const std::string&, ControlAnswer answer) {
    answer.ok("\"done\"");
    stop();
  };
  handlers["fault"] = [&core](const std::string& request, ControlAnswer answer) {
    inject(core, Json::parse(request));
    answer.ok("\"done\"");
  };
  server_ = std::make_unique<ControlServer>(
      path.empty() ? control_path(node, process_environment()) : path, std::move(handlers),
      core.clock());
}

}  // namespace troupe::runtime
