#include "runtime/cluster/node_control.hpp"

#include <chrono>
#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "runtime/actor/faults.hpp"
#include "runtime/actor/mailbox.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/node_core.hpp"
#include "runtime/control/control_path.hpp"
#include "runtime/control/process_table.hpp"
#include "runtime/supervision/tree_messages.hpp"
#include "runtime/telemetry/log.hpp"

namespace troupe::runtime {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

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
  const auto kind = field<std::string>(request, "kind");
  const auto path = field<std::string>(
      request, "path", kind == "clear" ? std::optional<std::string>{""} : std::nullopt);
  const Duration duration{field<std::int64_t>(request, "duration_ns", 0)};
  if (kind == "clear") return core.faults().clear();
  if (kind == "drop" || kind == "delay" || kind == "duplicate") {
    MessageFault fault;
    fault.kind = kind == "drop"    ? MessageFault::Kind::drop
                 : kind == "delay" ? MessageFault::Kind::delay
                                   : MessageFault::Kind::duplicate;
    fault.to = path;
    fault.from = field<std::string>(request, "from", "*");
    fault.delay = duration;
    fault.count = field<std::uint32_t>(request, "count", 1);
    fault.probability = field<double>(request, "probability", 1.0);
    return core.faults().add(std::move(fault));
  }
  const Name* const name = core.names().find(path);
  const Name::Target target = name ? name->target() : Name::Target{};
  if (!target.mailbox)
    throw Error{ErrorCode::bad_input, "fault: nothing runs under \"" + path + "\""};
  if (kind == "kill") return core.kill(path, target.incarnation, "an operator ended it");
  if (kind == "signal") {
    if (core.signal_process(path, field<int>(request, "signal"))) return;
    throw Error{ErrorCode::bad_input, "fault: " + path + " has no process of its own"};
  }
  if (!target.mailbox->local())
    throw Error{
        ErrorCode::unsupported,
        "fault: " + path + " lives in a process of its own, which takes \"kill\" and \"signal\""};
  if (kind == "throw")
    return core.throw_in_next(path, field<std::string>(request, "text", "a fault was injected"));
  if (kind == "stall") return core.stall(path, duration);
  throw Error{ErrorCode::bad_input, "fault: unknown kind \"" + kind + "\""};
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
