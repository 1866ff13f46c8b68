#include <unistd.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "apps/troupe/arguments.hpp"
#include "apps/troupe/commands.hpp"
#include "apps/troupe/read_config.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/node.hpp"
#include "runtime/registry.hpp"

namespace troupe::apps {
namespace {

runtime::NodeOptions node_options(const Arguments& arguments, const std::string& name) {
  runtime::NodeOptions options;
  options.name = name;
  options.handle_signals = true;
  options.stack_signal = SIGRTMIN + 3;
  options.trace_file = arguments.find("--trace").value_or("");
  const std::string control = arguments.find("--control").value_or("");
  if (control != "none") options.control = control;
  if (const auto level = arguments.find("--log-level")) {
    const auto known = runtime::find_log_level(*level);
    if (!known)
      throw Error{ErrorCode::bad_input,
                  "--log-level " + *level + ": expected debug, info, warning, error or off"};
    options.log_level = *known;
  }
  const std::string format = arguments.find("--log-format").value_or("text");
  if (format != "text" && format != "json")
    throw Error{ErrorCode::bad_input, "--log-format " + format + ": expected text or json"};
  options.log_format = format == "json" ? runtime::LogFormat::json : runtime::LogFormat::text;
  if (const auto threads = arguments.find("--threads")) {
    const char* const end = threads->data() + threads->size();
    if (const auto [at, error] = std::from_chars(threads->data(), end, options.threads);
        error != std::errc{} || at != end || options.threads == 0 || options.threads > 1024)
      throw Error{ErrorCode::bad_input, "--threads " + *threads + ": expected 1 … 1024"};
  }
  return options;
}

}  // namespace

int run(const Words& words, runtime::Registry& registry) {
  const Arguments arguments{
      words, {"--set", "--trace", "--control", "--log-level", "--log-format", "--threads"}, {}};
  arguments.expect(1, 1, "one config file");
  const runtime::ConfigResult result = read_config(arguments, registry);
  if (print_problems(result)) return 2;

  runtime::Node node{node_options(arguments, result.config.name), registry};
  int code = 0;
  try {
    node.start(result.config.root);
    const std::optional<runtime::Exit> exit = node.wait();
    if (exit && exit->abnormal()) {
      std::fprintf(stderr, "troupe run: the tree ended: %s\n", to_string(*exit).c_str());
      code = 1;
    }
  } catch (const Error& error) {
    std::fprintf(stderr, "troupe run: %s\n", error.what());
    code = 1;
  }
  const std::vector<std::string> left = node.stop();
  if (left.empty()) return code;
  for (const std::string& who : left)
    std::fprintf(stderr, "troupe run: %s hangs and is left behind\n", who.c_str());
  std::fflush(nullptr);
  ::_exit(1);  // their threads would hold up an ordinary end
}

}  // namespace troupe::apps
