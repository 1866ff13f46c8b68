#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/report/job_event.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/cluster/node.hpp"
#include "runtime/config/config.hpp"

namespace troupe::runtime {
class Registry;
}

namespace troupe::actors {

struct PipelineOptions {
  runtime::NodeOptions node = {};  ///< its name comes from the config
  runtime::ConfigOptions config = {};
  std::string runs = "runs";          ///< where run folders are made
  std::string prepared = "prepared";  ///< where prepared data is kept, for all runs
  bool exit_when_trained = false;     ///< ends with the job, even if there is a deployer
  bool resume = false;  ///< goes on with the newest run of that name, which must be of the same job
  bool new_machine =
      false;  ///< with `resume`: also where the job's bits are others from there on (JOB-6)
};

/// How a run ended.
struct RunResult {
  bool ok = false;              ///< the job came to its end, and its gate was passed
  std::string run_folder = {};  ///< empty if the config has no job
  std::uint64_t step =
      0;  ///< of the version that was chosen; if interrupted, of the newest that was saved
  std::string checkpoint =
      {};  ///< the folder of the version that was chosen; empty if there is none
  std::string state_hash = {};  ///< of the version that was chosen, hexadecimal (JOB-8)
  std::string reason = {};      ///< if not ok
  bool interrupted = false;     ///< it was stopped before the job had ended: `resume` goes on
  /// The number of a job that followed on feedback and was stopped before its end: `resume` goes on with it. 0: none.
  std::uint64_t interrupted_job = 0;
};

/// A job and what is served of it, from a config, in the application's own process:
///
///     Registry registry;
///     add_roles(registry);
///     Pipeline digits = Pipeline::from_yaml("digits.yaml", registry);
///     digits.observe([](const TimedEvent& event) { … });
///     const RunResult result = digits.run();
///
/// Not thread-safe, but for stop().
class Pipeline {
 public:
  /// Reads and checks the config. @throws Error bad_input with all its problems, one a line.
  static Pipeline from_yaml(const std::string& file, runtime::Registry& registry,
                            PipelineOptions options = {});
  /// The same for a config that was read, and has no problems. @param file  where it was: its folder counts.
  static Pipeline from_config(runtime::NodeConfig config, const std::string& file,
                              const runtime::Registry& registry, PipelineOptions options = {});
  ~Pipeline();
  Pipeline(Pipeline&&) noexcept;
  Pipeline& operator=(Pipeline&&) noexcept;

  /// `told` is called, by the thread that is in run(), with each event of the job. May be called several times.
  void observe(std::function<void(const TimedEvent&)> told);

  /// Makes the run folder, starts the node, and returns when the job has ended, stop() was called, or the node ended, by a
  /// signal for instance. A config with a `deploy` section goes on until then. A start that fails leaves no run folder.
  /// @throws Error as Node and RunFolder do.
  RunResult run();

  /// Asks the node to end in order: a job in mid-training saves where it stands. From any thread.
  void stop();

  /// The node, while it runs; null before.
  runtime::Node* node();
  const runtime::NodeConfig& config() const;
  /// Actors that hung when the node stopped: only a program that has nothing else to do may end then, by _exit.
  const std::vector<std::string>& hanging() const;

 private:
  struct State;
  explicit Pipeline(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace troupe::actors
