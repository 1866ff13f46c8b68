#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "actors/pipeline/pipeline.hpp"
#include "actors/report/progress.hpp"
#include "actors/report/summary.hpp"
#include "apps/troupe/arguments.hpp"
#include "apps/troupe/commands.hpp"
#include "apps/troupe/read_config.hpp"
#include "apps/troupe/run_config.hpp"
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

actors::ProgressOptions progress_options(bool json) {
  winsize size{};
  const bool terminal =
      ::isatty(STDOUT_FILENO) != 0 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  actors::ProgressOptions options = actors::ProgressOptions::choose(
      terminal, size.ws_col, [](const char* name) { return std::getenv(name); });
  if (json) options.style = actors::ProgressStyle::json;
  return options;
}

/// The same command again, going on.
std::string resume_command(const Words& words) {
  std::string command = "troupe run";
  for (const std::string& word : words) {
    const bool plain = !word.empty() && word.find_first_not_of(
                                            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                            "0123456789_-./=:,+@%") == std::string::npos;
    if (word == "--resume" || word == "--new-machine") continue;
    command += ' ';
    if (plain) {
      command += word;
      continue;
    }
    command += '\'';
    for (const char c : word) command += c == '\'' ? std::string{"'\\''"} : std::string{c};
    command += '\'';
  }
  return command + " --resume";
}

}  // namespace

int run(const Words& words, runtime::Registry& registry) {
  const Arguments arguments{words,
                            {"--set", "--trace", "--control", "--log-level", "--log-format",
                             "--threads", "--runs", "--prepared"},
                            {"--resume", "--new-machine", "--exit-when-trained", "--json"}};
  arguments.expect(1, 1, "one config file");
  if (arguments.has("--new-machine") && !arguments.has("--resume"))
    throw Error{ErrorCode::bad_input,
                "--new-machine: expected --resume beside it: a new run is at home anywhere"};
  runtime::ConfigResult result = read_config(arguments, registry);
  if (print_problems(result)) return 2;
  return run_config("run", arguments, std::move(result.config), arguments.rest().front(), registry,
                    resume_command(words));
}

int run_config(const char* command, const Arguments& arguments, runtime::NodeConfig config,
               const std::string& file, const runtime::Registry& registry,
               const std::string& resume) {
  std::signal(SIGPIPE, SIG_IGN);  // whoever read the progress is gone; the job goes on
  actors::PipelineOptions options;
  options.node = node_options(arguments, config.name);
  options.runs = arguments.find("--runs").value_or(options.runs);
  options.prepared = arguments.find("--prepared").value_or(options.prepared);
  options.resume = arguments.has("--resume");
  options.new_machine = arguments.has("--new-machine");
  options.exit_when_trained = arguments.has("--exit-when-trained");
  actors::Pipeline pipeline =
      actors::Pipeline::from_config(std::move(config), file, registry, std::move(options));
  actors::Progress progress{progress_options(arguments.has("--json")), [](std::string_view text) {
                              std::fwrite(text.data(), 1, text.size(), stdout);
                              std::fflush(stdout);
                            }};
  actors::Summary summary;
  pipeline.observe([&](const actors::TimedEvent& event) {
    // A failure ends the run: the summary tells it at once.
    const auto* const ended = std::get_if<actors::JobEnded>(&event.event);
    if (arguments.has("--json") || ended == nullptr || ended->ok) progress.show(event);
    summary.add(event);
  });
  int code = 0;
  try {
    const actors::RunResult ran = pipeline.run();
    progress.finish();
    if (!arguments.has("--json")) std::fputs(summary.text().c_str(), stdout);
    if (!ran.ok) std::fprintf(stderr, "troupe %s: %s\n", command, ran.reason.c_str());
    std::FILE* const beside = arguments.has("--json") ? stderr : stdout;
    if (ran.interrupted_job > 0)
      std::fprintf(beside, "job %s, on feedback, was interrupted before its end\n",
                   std::to_string(ran.interrupted_job).c_str());
    if ((ran.interrupted || ran.interrupted_job > 0) && !ran.run_folder.empty())
      std::fprintf(beside, "to go on: %s\n", resume.c_str());
    code = ran.ok ? 0 : ran.interrupted ? 3 : 1;
  } catch (const Error& error) {
    std::fprintf(stderr, "troupe %s: %s\n", command, error.what());
    code = error.code() == ErrorCode::bad_input ? 2 : 1;
  }
  if (pipeline.hanging().empty()) return code;
  for (const std::string& who : pipeline.hanging())
    std::fprintf(stderr, "troupe %s: %s hangs and is left behind\n", command, who.c_str());
  std::fflush(nullptr);
  ::_exit(1);  // their threads would hold up an ordinary end
}

}  // namespace troupe::apps
