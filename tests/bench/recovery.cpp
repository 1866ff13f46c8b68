// How long a job stands still when a trainer throws: from the exception to the next step that is committed, and to the one
// after it, of which nothing had been computed before. Run it pinned:
//
//   taskset -c 0,1 bench_recovery [FAULTS [DATA]]
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "actors/coordinator/prepared_job.hpp"
#include "actors/pipeline/pipeline.hpp"
#include "actors/pipeline/roles.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/node.hpp"
#include "runtime/cluster/worker_main.hpp"
#include "runtime/registry.hpp"
#include "tests/support/job_config.hpp"
#include "tests/support/job_watch.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;

namespace {

using Steady = std::chrono::steady_clock;

constexpr auto between_faults = 50ms;
constexpr auto given_up_after = 30s;

struct Case {
  const char* name;
  unsigned trainers;
  bool isolated;
};
constexpr std::array<Case, 4> cases{{{"2 trainers in the node's process", 2, false},
                                     {"1 trainer in the node's process", 1, false},
                                     {"2 trainers in processes of their own", 2, true},
                                     {"1 trainer in a process of its own", 1, true}}};

std::string yaml(const std::string& data) {
  return "name: recovery\nseed: 1\n"
         "data: {format: csv, train: {file: " +
         data +
         "}, header: false, label: last, shape: [8, 8, 1], classes: 10}\n"
         "preprocess: {split: {validation: 0, test: 0}, transforms: [scale: {factor: 0.0625}, "
         "normalize]}\n"
         "model: [flatten, dense: {units: 128}, relu, dense: {units: 10}]\n"
         "train: {steps: 100000000, batch: 256, optimizer: adam, checkpoint_every: 1000000}\n"
         "actors:\n  - {name: watch, type: job_watch, with: {paths: [/job/trainer/0, "
         "/job/trainer/1]}}\n";
}

struct Times {
  std::vector<double> next_ms, second_ms;
};

/// Waits for `holds`. False: it took too long.
template <class Holds>
bool wait_for(Holds holds) {
  const auto until = Steady::now() + given_up_after;
  while (!holds()) {
    if (Steady::now() > until) return false;
    std::this_thread::sleep_for(50us);
  }
  return true;
}

/// Has one trainer after the other throw, while they compute.
Times strike(runtime::Node& node, const test::JobWatch& watch, const Case& of, std::uint64_t job,
             unsigned faults) {
  Times times;
  const auto newest = [&]() -> std::uint64_t {
    const auto versions = watch.versions(job);
    return versions ? versions->newest().value_or(0) : 0;
  };
  const auto ms_since = [](Steady::time_point at) {
    return std::chrono::duration<double, std::milli>(Steady::now() - at).count();
  };
  for (unsigned i = 0; i < faults; ++i) {
    const std::string path = "/job/trainer/" + std::to_string(i % of.trainers);
    const std::uint64_t before = newest();
    // All are there, and at work.
    if (!wait_for([&] { return watch.at(path).up && newest() > before + 10; })) break;
    std::this_thread::sleep_for(between_faults);
    const std::uint64_t incarnation = watch.at(path).incarnation;
    node.inject({runtime::FaultOrder::Kind::throw_next, path});
    if (!wait_for([&] {
          const auto seen = watch.at(path);
          return !seen.up || seen.incarnation != incarnation;
        }))
      break;
    const auto thrown = Steady::now();  // by the next message that it had, and seen within 100 us
    const std::uint64_t at = newest();
    if (!wait_for([&] { return newest() > at; })) break;
    times.next_ms.push_back(ms_since(thrown));
    if (!wait_for([&] { return newest() > at + 1; })) break;
    times.second_ms.push_back(ms_since(thrown));
  }
  return times;
}

Times run(const std::string& config, runtime::Registry& registry, test::JobWatch& watch,
          const Case& of, std::uint64_t job, unsigned faults, const std::string& folder) {
  watch.clear();
  PipelineOptions options;
  options.node.log_descriptor = -1;
  options.runs = folder + "/runs";
  options.prepared = folder + "/prepared";
  options.config.isolation_available = true;
  options.config.overrides = {{"train.replicas", std::to_string(of.trainers)},
                              {"train.isolation", of.isolated ? "process" : "none"}};
  runtime::NodeConfig tree = Pipeline::from_yaml(config, registry, options).config();
  test::set_intensity(tree.root, 10'000);
  Pipeline pipeline = Pipeline::from_config(std::move(tree), config, registry, options);
  Times times;
  std::thread thread;
  pipeline.observe([&](const TimedEvent& event) {
    if (thread.joinable() || !std::holds_alternative<StepsDone>(event.event)) return;
    thread = std::thread{[&, node = pipeline.node()] {
      times = strike(*node, watch, of, job, faults);
      pipeline.stop();
    }};
  });
  const RunResult result = pipeline.run();
  if (thread.joinable()) thread.join();
  if (!result.interrupted) throw Error{ErrorCode::bad_input, result.reason};
  return times;
}

double quantile(std::vector<double> values, double q) {
  std::ranges::sort(values);
  return values[std::min(values.size() - 1,
                         static_cast<std::size_t>(q * static_cast<double>(values.size())))];
}

}  // namespace

int main(int argc, char** argv) {
  runtime::Registry registry;
  add_roles(registry);
  test::JobWatch watch;
  watch.add_type(registry);
  if (const auto worker = runtime::worker_main(argc, argv, registry)) return *worker;
  const auto faults = static_cast<unsigned>(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 250);
  const std::string data =
      std::filesystem::absolute(argc > 2 ? argv[2] : "apps/pipelines/data/optdigits.csv.gz");
  const std::string folder =
      (std::filesystem::temp_directory_path() / "troupe-bench-recovery").string();
  std::filesystem::create_directories(folder);
  const std::string config = folder + "/recovery.yaml", text = yaml(data);
  write_atomically(posix_files(), config, std::as_bytes(std::span{text}));
  const Pipeline pipeline = Pipeline::from_yaml(config, registry);
  const std::uint64_t job =
      prepare_job(posix_files(), test::sections_of(pipeline.config(), folder), folder + "/prepared")
          .job->id();
  std::printf(
      "from a trainer's exception to a step     faults   next: p50 ms      p99   one after: p50    "
      "  p99\n");
  for (const Case& of : cases) {
    const Times times = run(config, registry, watch, of, job, faults, folder);
    if (times.second_ms.size() < faults) {
      std::printf("%s: the job stood still after %zu faults\n", of.name, times.second_ms.size());
      return 1;
    }
    std::printf("%-40s %6zu   %12.1f %8.1f   %14.1f %8.1f\n", of.name, times.next_ms.size(),
                quantile(times.next_ms, 0.5), quantile(times.next_ms, 0.99),
                quantile(times.second_ms, 0.5), quantile(times.second_ms, 0.99));
    std::fflush(stdout);
  }
  std::filesystem::remove_all(folder);
}
