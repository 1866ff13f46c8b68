// Two versions of a trained model, served at full load while replicas end and one version replaces the other: each answer
// is, bit for bit, what the version predicts that it names, or 503 with Retry-After. Replicas end on the node's threads,
// by faults, and in processes of their own, by SIGKILL; in the end the front ends too, which cuts connections off.
//
//   serving_faults [SECONDS [KILL_EVERY_MS [DATA]]]     SECONDS of each of the three
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "actors/deployer/serving_messages.hpp"
#include "actors/model/predictor.hpp"
#include "actors/pipeline/pipeline.hpp"
#include "actors/pipeline/roles.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "runtime/cluster/node.hpp"
#include "runtime/cluster/worker_main.hpp"
#include "runtime/control/command.hpp"
#include "runtime/registry.hpp"
#include "serialization/schema/serving.capnp.h"
#include "serialization/schema/tree.capnp.h"
#include "tests/faults/serving_load.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;

namespace {

constexpr unsigned replicas = 3, connections = 16;
constexpr auto patience = 60s;

struct Arrangement {
  const char* name;
  bool isolated = false;    // replicas
  bool front_ends = false;  // too
};

std::string write_config(const std::string& folder, const std::string& name,
                         const std::string& text) {
  const std::string file = folder + '/' + name + ".yaml";
  write_atomically(posix_files(), file, std::as_bytes(std::span{text}));
  return file;
}

/// The first and the last checkpoint of a short job.
std::pair<std::string, std::string> train_two(const std::string& folder, const std::string& data,
                                              runtime::Registry& registry) {
  const std::string file = write_config(
      folder, "digits",
      "name: digits\nseed: 1\n"
      "data:\n  format: csv\n  train: {file: " +
          data +
          "}\n  header: false\n  label: last\n  shape: [8, 8, 1]\n  classes: 10\n"
          "preprocess:\n  split: {validation: 0.1, test: 0.1}\n"
          "  transforms:\n    - scale: {factor: 0.0625}\n    - normalize\n"
          "model:\n  - flatten\n  - dense: {units: 128}\n  - relu\n  - dense: {units: 10}\n"
          "train:\n  epochs: 4\n  batch: 64\n  optimizer: adam\n  learning_rate: 4e-3\n"
          "  checkpoint_every: 20\n");
  PipelineOptions options;
  options.node.log_descriptor = -1;
  options.runs = folder + "/runs";
  options.prepared = folder + "/prepared";
  const RunResult result = Pipeline::from_yaml(file, registry, options).run();
  if (!result.ok) throw Error{ErrorCode::bug, "the job: " + result.reason};
  std::vector<std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator{result.run_folder + "/checkpoints"})
    all.push_back(std::filesystem::absolute(entry.path()).string());
  std::ranges::sort(all);
  return {all.front(), all.back()};
}

/// A node that serves, and what an operator says to it.
class Served {
 public:
  Served(const Arrangement& arrangement, const std::string& folder, const std::string& checkpoint,
         runtime::Registry& registry)
      : pipeline_{make(arrangement, folder, checkpoint, registry)} {
    pipeline_.observe([this](const TimedEvent& event) {
      if (!std::holds_alternative<Deployed>(event.event)) return;
      const std::lock_guard lock{mutex_};
      deployed_ = true;
      changed_.notify_all();
    });
    thread_ = std::thread{[this] { run(); }};
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, patience, [&] { return deployed_ || ended_; });
    if (!deployed_) fault_ = "it does not serve: " + fault_;
  }
  ~Served() { stop(); }

  /// @return what went wrong while it ran; empty: nothing.
  std::string stop() {
    pipeline_.stop();
    if (thread_.joinable()) thread_.join();
    return fault_;
  }
  bool serves() const { return deployed_; }
  runtime::Node& node() { return *pipeline_.node(); }

  DeployerReportMessage report() {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < until) {
      if (!node().wait_until_running("/serve/deployer", patience)) break;
      const runtime::Answer answer =
          node().ask<wire::DeployerStatus>("/serve/deployer", runtime::Frame{}, patience);
      if (answer.ok()) return read_report(answer.frame());
    }
    throw Error{ErrorCode::disconnected, "the deployer does not run"};
  }
  /// "promote" or "rollback". @return the number of the version that is served now.
  std::uint64_t command(const std::string& name, const nlohmann::json& arguments) {
    const runtime::Answer answer = node().ask<wire::Command>(
        "/serve/publisher", to_frame(runtime::Command{name, arguments.dump()}), 3min);
    if (!answer.ok()) throw Error{ErrorCode::disconnected, name + ": " + answer.failure().text};
    const runtime::CommandResult result = runtime::read_command_result(answer.frame());
    const std::size_t at = result.text.find("version ");
    if (!result.ok || at == std::string::npos)
      throw Error{ErrorCode::bug, name + ": " + result.text};
    return std::strtoull(result.text.c_str() + at + 8, nullptr, 10);
  }
  std::uint64_t promote(const std::string& checkpoint) {
    return command("promote", {{"saved", checkpoint}, {"force", true}});
  }

 private:
  static Pipeline make(const Arrangement& arrangement, const std::string& folder,
                       const std::string& checkpoint, runtime::Registry& registry) {
    const std::string file =
        write_config(folder, "serve",
                     "name: serving\ndeploy:\n  model: digits\n  listen: \"127.0.0.1:0\"\n  "
                     "timeout: 30s\n  checkpoint: " +
                         checkpoint + "\n  replicas: " + std::to_string(replicas) +
                         "\n  isolation: " + (arrangement.isolated ? "process" : "none") + '\n');
    PipelineOptions options;
    options.node.log_descriptor = std::getenv("TROUPE_TEST_LOG") != nullptr ? 2 : -1;
    options.runs = folder + (arrangement.isolated     ? "/isolated"
                             : arrangement.front_ends ? "/front"
                                                      : "/within");
    options.config.isolation_available = true;
    options.config.overrides = {{"serve.intensity", "10000"}};
    return Pipeline::from_yaml(file, registry, options);
  }

  void run() {
    std::string fault;
    try {
      const RunResult result = pipeline_.run();
      if (!result.ok) fault = result.reason;
      for (const std::string& who : pipeline_.hanging()) fault += who + " hangs; ";
    } catch (const std::exception& error) {
      fault = error.what();
    }
    const std::lock_guard lock{mutex_};
    fault_ = fault;
    ended_ = true;
    changed_.notify_all();
  }

  Pipeline pipeline_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> deployed_ = false;
  bool ended_ = false;
  std::string fault_;
  std::thread thread_;
};

/// Ends one replica after the other, sometimes all of them at once, and the front, if that is wanted.
class Killer {
 public:
  Killer(Served& served, const Arrangement& arrangement, std::chrono::milliseconds every)
      : served_{served}, arrangement_{arrangement}, every_{every}, thread_{[this] { run(); }} {}
  ~Killer() { stop(); }

  void stop() {
    {
      const std::lock_guard lock{mutex_};
      stop_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  unsigned killed() const { return killed_; }

 private:
  void run() {
    std::unique_lock lock{mutex_};
    for (unsigned turn = 0; !changed_.wait_for(lock, every_, [&] { return stop_; }); ++turn) {
      if (turn % 5 == 4)
        for (unsigned i = 0; i < replicas; ++i) kill_replica(i);
      else if (arrangement_.front_ends && turn % 2 == 1)
        kill_actor("/serve/deployer");
      else
        kill_replica(turn % replicas);
    }
  }

  void kill_replica(unsigned number) {
    const std::string path = "/serve/replica/" + std::to_string(number);
    if (!arrangement_.isolated) return kill_actor(path);
    for (const auto& row : served_.node().processes().rows) {
      if (row.path != path || row.pid <= 0 || row.pid == ::getpid()) continue;
      if (::kill(static_cast<pid_t>(row.pid), SIGKILL) == 0) ++killed_;
      return;
    }
  }

  void kill_actor(const std::string& path) {
    runtime::FaultOrder order;
    order.path = path;
    try {
      served_.node().inject(order);
      ++killed_;
    } catch (const Error&) {
      // It is being started again.
    }
  }

  Served& served_;
  const Arrangement& arrangement_;
  const std::chrono::milliseconds every_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  std::atomic<unsigned> killed_ = 0;
  std::thread thread_;
};

/// @return what was wrong; empty: nothing.
std::string serve_under_faults(const Arrangement& arrangement, std::chrono::seconds seconds,
                               std::chrono::milliseconds kill_every, const std::string& folder,
                               const std::pair<std::string, std::string>& checkpoints,
                               runtime::Registry& registry) {
  Served served{arrangement, folder, checkpoints.first, registry};
  if (!served.serves()) return served.stop();
  // Each has its number from here on.
  const std::uint64_t second = served.promote(checkpoints.second);
  const std::uint64_t first = served.command("rollback", nlohmann::json::object());
  std::map<std::uint64_t, Predictor> versions;
  versions.emplace(first, Predictor::load(checkpoints.first));
  versions.emplace(second, Predictor::load(checkpoints.second));
  const std::vector<test::ServingExample> examples = test::make_examples(versions, 64, 1);

  test::ServingLoad load{[&] { return served.report().port; }, examples, connections,
                         arrangement.front_ends};
  load.settle(first);
  Killer killer{served, arrangement, kill_every};
  const auto began = std::chrono::steady_clock::now();
  unsigned changes = 0;
  const auto enough = [&] {
    return changes >= 4 && killer.killed() * kill_every >= seconds / 2 && load.answered() >= 100;
  };
  const auto goes_on = [&] {
    const auto passed = std::chrono::steady_clock::now() - began;
    return load.faults().empty() &&
           (passed < seconds || (passed < seconds + patience && !enough()));
  };
  std::string fault;
  try {
    while (goes_on()) {
      load.moving();
      const bool forth = changes % 2 == 0;
      std::uint64_t now = 0;
      if (changes % 4 == 1)
        now = served.command("rollback", nlohmann::json::object());
      else
        now = served.promote(forth ? checkpoints.second : checkpoints.first);
      if (now != (forth ? second : first))
        throw Error{ErrorCode::bug, "version " + std::to_string(now) + " instead of the other"};
      load.settle(now);
      ++changes;
      // What is settled is asked for a while.
      const std::uint64_t until = load.answered() + 200;
      while (load.answered() < until && goes_on()) std::this_thread::sleep_for(1ms);
    }
  } catch (const Error& error) {
    fault = error.what();
  }
  const double took =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  killer.stop();
  load.stop();
  const auto until = std::chrono::steady_clock::now() + patience;
  while (fault.empty() && served.report().ready != replicas)
    if (std::chrono::steady_clock::now() > until) fault = "replicas do not come back";
  std::printf(
      "%s, %.1f s: %llu answered (%.0f/s), %llu times 503, %llu cut off; %u killed, %u changes of "
      "version\n",
      arrangement.name, took, static_cast<unsigned long long>(load.answered()),
      static_cast<double>(load.answered()) / took,
      static_cast<unsigned long long>(load.overloaded()),
      static_cast<unsigned long long>(load.cut_off()), killer.killed(), changes);
  for (const std::string& what : load.faults()) fault += (fault.empty() ? "" : "; ") + what;
  if (fault.empty() && !enough()) fault = "too few answers, changes of version or ends";
  // There was always a replica, or soon again; where the front begins anew there is nothing for a while.
  if (fault.empty() && !arrangement.front_ends &&
      load.overloaded() > load.answered() / 100 + connections)
    fault = "too many were told to come again";
  const std::string end = served.stop();
  return fault.empty() ? end : fault;
}

}  // namespace

int main(int argc, char** argv) {
  runtime::Registry registry;
  add_roles(registry);
  if (const auto worker = runtime::worker_main(argc, argv, registry)) return *worker;
  const std::chrono::seconds seconds{argc > 1 ? std::atoi(argv[1]) : 3};
  const std::chrono::milliseconds kill_every{argc > 2 ? std::atoi(argv[2]) : 500};
  const std::string data =
      std::filesystem::absolute(argc > 3 ? argv[3] : "apps/pipelines/data/optdigits.csv.gz");
  const test::TemporaryFolder folder;
  const auto checkpoints = train_two(folder.path(), data, registry);
  bool failed = false;
  for (const Arrangement& arrangement :
       {Arrangement{.name = "replicas on the node's threads"},
        Arrangement{.name = "replicas in processes", .isolated = true},
        Arrangement{.name = "replicas and front", .front_ends = true}}) {
    const std::string wrong =
        serve_under_faults(arrangement, seconds, kill_every, folder.path(), checkpoints, registry);
    if (!wrong.empty()) std::printf("FAILED: %s: %s\n", arrangement.name, wrong.c_str());
    std::fflush(stdout);
    failed = failed || !wrong.empty();
  }
  return failed ? 1 : 0;
}
