// The command. Configs become trees here, and running nodes are looked at; all that it does is the library's.
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apps/troupe/built_in.hpp"
#include "apps/troupe/commands.hpp"
#include "runtime/cluster/worker_main.hpp"
#include "runtime/registry.hpp"

namespace {

constexpr const char* usage = R"(usage: troupe COMMAND …

  types [--plugin FILE]… [--markdown] the actor types, with their parameters
  check FILE [--set A.B=V]…           every problem of a config; exit code 1 if there are any
  explain FILE [--set A.B=V]…         the tree that a config means, with all defaults
  run FILE [--set A.B=V]…             runs it until it ends, or SIGINT or SIGTERM ends it
      [--threads N] [--log-level L] [--log-format text|json] [--trace FILE] [--control PATH|none]
  serve CHECKPOINT|RUN_FOLDER         serves a saved model over HTTP, until SIGINT, SIGTERM or stop
      [--listen ADDRESS:PORT] [--replicas N] [--model NAME] [--token T] [--name NODE] and run's options

  ps [NODE]                           what runs: tree, state, mailbox, restarts, last error, uptime
  logs [NODE] [--follow]              its log, as far as it remembers
  metrics [NODE]                      in Prometheus' text format
  scale NODE GROUP COUNT              so many replicas from here on
  promote NODE CHECKPOINT|RUN_FOLDER  serves that version, if its gate was passed, or with --force
  rollback NODE                       serves the version before this one again
  stop [NODE]                         ends it in order
  fault NODE KIND PATH                kill, throw, stall, drop, delay, duplicate, clear, or a signal's name
      [--for DURATION] [--from PATH] [--count N] [--probability P] [--text TEXT]

NODE is a node's name or the path of its control socket; it may be left out where one runs.
Exit code 2: bad usage or bad input, with one line that says what and where.
)";

}  // namespace

int main(int argc, char** argv) {
  using namespace troupe;
  runtime::Registry registry = apps::built_in_types();
  if (const std::optional<int> worker = runtime::worker_main(argc, argv, registry)) return *worker;

  const std::map<std::string, std::function<int(const apps::Words&)>> commands = {
      {"types", [&](const apps::Words& words) { return apps::types(words, registry); }},
      {"check", [&](const apps::Words& words) { return apps::check(words, registry); }},
      {"explain", [&](const apps::Words& words) { return apps::explain(words, registry); }},
      {"run", [&](const apps::Words& words) { return apps::run(words, registry); }},
      {"serve", [&](const apps::Words& words) { return apps::serve(words, registry); }},
      {"ps", apps::ps},
      {"logs", apps::logs},
      {"metrics", apps::metrics},
      {"scale", apps::scale},
      {"promote", apps::promote},
      {"rollback", apps::rollback},
      {"stop", apps::stop},
      {"fault", apps::fault},
  };
  const std::string name = argc > 1 ? argv[1] : "help";
  if (name == "help" || name == "--help") return std::fputs(usage, stdout), 0;
  if (name == "--version") return std::puts("troupe " TROUPE_VERSION), 0;
  const auto command = commands.find(name);
  if (command == commands.end()) {
    std::fprintf(stderr, "troupe: unknown command \"%s\"; troupe help lists them\n", name.c_str());
    return 2;
  }
  try {
    return command->second({argv + 2, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "troupe %s: %s\n", name.c_str(), error.what());
    return 2;
  }
}
