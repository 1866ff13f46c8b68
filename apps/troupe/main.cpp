// The command. Configs become trees here, and running nodes are looked at; all that it does is the library's.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/troupe/built_in.hpp"
#include "apps/troupe/command_help.hpp"
#include "apps/troupe/commands.hpp"
#include "runtime/cluster/worker_main.hpp"
#include "runtime/registry.hpp"

namespace {

constexpr const char* usage = R"(usage: troupe COMMAND …

  types [--plugin FILE]… [--markdown] the actor types, with their parameters
  check FILE [--set A.B=V]…           every problem of a config; exit code 1 if there are any
  explain FILE [--set A.B=V]…         the tree that a config means, with all defaults
  run FILE [--set A.B=V]…             runs it until it ends, or SIGINT or SIGTERM ends it
      [--resume] [--json] [--exit-when-trained] [--runs FOLDER] [--prepared FOLDER]
      [--threads N] [--log-level L] [--log-format text|json] [--trace FILE] [--control PATH|none]
  serve CHECKPOINT|RUN_FOLDER         serves a saved model over HTTP, until SIGINT, SIGTERM or stop
      [--listen ADDRESS:PORT] [--replicas N] [--model NAME] [--token T] [--name NODE] and run's options

  audit RUN_FOLDER                    whether its job consumed each training record exactly as it should
  predict MODEL FILE.csv|- [--json]   classes and probabilities of rows of features
  export MODEL FOLDER                 the model for other programs
  data [mnist|optdigits]              where data sets come from, and whether they are there and right

  ps [NODE]                           what runs: tree, state, mailbox, restarts, last error, uptime
  logs [NODE] [--follow]              its log, as far as it remembers
  metrics [NODE]                      in Prometheus' text format
  scale NODE GROUP COUNT              so many replicas from here on
  promote NODE CHECKPOINT|RUN_FOLDER  serves that version, if its gate was passed, or with --force
  rollback NODE                       serves the version before this one again
  stop [NODE]                         ends it in order
  fault NODE KIND PATH                kill, throw, stall, drop, delay, duplicate, clear, or a signal's name
      [--for DURATION] [--from PATH] [--count N] [--probability P] [--text TEXT]

MODEL is the folder of a checkpoint or of a run. NODE is a node's name or the path of its control socket; it may be left
out where one runs. `troupe COMMAND --help` tells more. Exit codes: 0 done, 1 failed or problems found, 2 bad usage or bad
input, with one line that says what and where, 3 interrupted: `run --resume` goes on.
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
      {"audit", apps::audit},
      {"predict", apps::predict},
      {"export", apps::export_model},
      {"data", apps::data},
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
  const apps::Words words{argv + 2, argv + argc};
  if (std::ranges::find(words, "--help") != words.end()) {
    const std::string_view help = apps::command_help(name);
    return std::fputs(help.empty() ? usage : std::string{help}.c_str(), stdout), 0;
  }
  try {
    return command->second(words);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "troupe %s: %s\n", name.c_str(), error.what());
    return 2;
  }
}
