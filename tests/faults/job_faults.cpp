// One job under random faults, in many arrangements: whatever ends, the final state is that of one loop without an actor,
// bit for bit, and the ledger says that each position was consumed once (JOB-1 to JOB-8).
//
//   job_faults [SCHEDULES [FIRST_SEED [DATA]]]
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "actors/coordinator/prepared_job.hpp"
#include "actors/loader/batch_maker.hpp"
#include "actors/loader/data_spec.hpp"
#include "actors/loader/prepared_data.hpp"
#include "actors/pipeline/pipeline.hpp"
#include "actors/pipeline/roles.hpp"
#include "actors/report/ledger.hpp"
#include "gpu/cpu_device.hpp"
#include "gpu/nn/local_job.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/node.hpp"
#include "runtime/cluster/worker_main.hpp"
#include "runtime/config/config.hpp"
#include "runtime/registry.hpp"
#include "serialization/model_state.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace std::chrono_literals;

namespace {

constexpr auto most_of_a_run = 120s;
constexpr unsigned fewest_faults = 5;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    path_ = (std::filesystem::temp_directory_path() / "troupe-XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr)
      throw Error{ErrorCode::exhausted, "no temporary folder"};
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// How a job is shared out, and what ends meanwhile.
struct Schedule {
  std::uint64_t seed = 0;
  unsigned trainers = 1, shards = 8, loaders = 1;
  bool isolated_trainers = false, isolated_aggregator = false, isolated_loaders = false;
  std::vector<std::string> roles = {};  // that are struck
  unsigned mean_ms = 40;                // between two faults
};

std::string text_of(const Schedule& s) {
  std::string roles;
  for (const std::string& role : s.roles) roles += ' ' + role;
  return "seed " + std::to_string(s.seed) + ", " + std::to_string(s.trainers) +
         (s.isolated_trainers ? " isolated" : "") + " trainers, S = " + std::to_string(s.shards) +
         ", " + std::to_string(s.loaders) + (s.isolated_loaders ? " isolated" : "") + " loaders" +
         (s.isolated_aggregator ? ", isolated aggregator" : "") + ", struck:" + roles;
}

const std::vector<std::string> all_roles = {"coordinator",  "loader",  "aggregator",
                                            "checkpointer", "trainer", "evaluator"};

std::string config_text(const std::string& data, unsigned shards, unsigned epochs,
                        std::uint64_t seed) {
  return "name: faults\nseed: " + std::to_string(seed) +
         "\ndata:\n  format: csv\n  train: {file: " + data +
         "}\n  header: false\n  label: last\n  shape: [8, 8, 1]\n  classes: 10\n"
         "preprocess:\n  split: {validation: 0.1, test: 0.1}\n"
         "  transforms:\n    - scale: {factor: 0.0625}\n    - shift: {pixels: 1, subpixel: true}\n "
         "   - normalize\n"
         "model:\n  - flatten\n  - dense: {units: 96}\n  - batch_norm\n  - relu\n  - dropout: "
         "{rate: 0.1}\n"
         "  - dense: {units: 10}\n"
         "train:\n  epochs: " +
         std::to_string(epochs) + "\n  batch: 96\n  shards: " + std::to_string(shards) +
         "\n  optimizer: adam\n  learning_rate: 2e-3\n  clip_norm: 5\n  checkpoint_every: 150\n"
         "evaluate:\n  every: 300 steps\n  batch: 50\n";
}

struct Reference {
  std::string state_hash;
  std::uint64_t steps = 0;
};

/// The actor-free loop over the compute core.
Reference compute_alone(const JobSections& sections, const std::string& cache) {
  const PreparedJob prepared = prepare_job(posix_files(), sections, cache);
  const PreparedData data = PreparedData::open(posix_files(), prepared.data_folder);
  const DataSpec data_spec = parse_data_spec(sections.data, sections.base);
  BatchMaker batches{data, parse_preprocess_spec(sections.preprocess, data_spec), sections.seed};
  const auto device = gpu::make_cpu_device();
  gpu::nn::LocalJob job{prepared.job->graph(), *device, prepared.job->spec()};
  const gpu::nn::BatchSource source = [&](PositionRange positions,
                                          std::span<std::byte* const> inputs) {
    batches.fill(positions, inputs);
  };
  while (job.next_step() < prepared.job->steps()) job.step(source);
  return {
      serialization::to_hex(serialization::state_hash(job.layout(), job.state(), job.next_step())),
      prepared.job->steps()};
}

/// What is wrong with a ledger: nothing, if each shard of each step consumed what it had to.
std::string audit(const std::string& run_folder, const JobSections& sections, std::uint64_t steps) {
  const PreparedJob prepared =
      prepare_job(posix_files(), sections,
                  std::filesystem::path{run_folder}.parent_path().parent_path() / "prepared");
  const PreparedData data = PreparedData::open(posix_files(), prepared.data_folder);
  const DataSpec data_spec = parse_data_spec(sections.data, sections.base);
  const BatchMaker batches{data, parse_preprocess_spec(sections.preprocess, data_spec),
                           sections.seed};
  const LedgerReader ledger{posix_files(), run_folder + "/ledger"};
  if (ledger.fault()) return *ledger.fault();
  if (ledger.steps() != steps)
    return "the ledger has " + std::to_string(ledger.steps()) + " steps of " +
           std::to_string(steps);
  for (std::uint64_t step = 0; step < steps; ++step) {
    const LedgerEntry entry = ledger.entry(step);
    for (std::uint32_t s = 0; s < prepared.job->shards(); ++s) {
      const std::uint64_t first = prepared.job->first_position(step, s);
      if (entry.digests[s] != batches.digest({first, first + prepared.job->shard_rows()}))
        return "step " + std::to_string(step) + ", shard " + std::to_string(s) + ": another digest";
    }
  }
  return {};
}

/// Ends actors of a node that runs, at random moments.
class Injector {
 public:
  Injector(const Schedule& schedule) : schedule_{schedule}, random_{schedule.seed} {}

  /// Until end() is called.
  void run(runtime::Node& node) {
    while (!ended_) {
      wait();
      const std::lock_guard lock{mutex_};
      if (ended_) return;
      try {
        strike(node);
        ++struck_;
      } catch (const Error&) {  // nothing runs there now
        ++missed_;
      }
    }
  }
  void end() {
    const std::lock_guard lock{mutex_};
    ended_ = true;
  }
  unsigned struck() const { return struck_; }

 private:
  void wait() {
    const double u = std::generate_canonical<double, 32>(random_);
    const auto until = std::chrono::steady_clock::now() +
                       std::chrono::microseconds{
                           static_cast<std::int64_t>(1000.0 * schedule_.mean_ms * (0.2 + 1.6 * u))};
    while (!ended_ && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(1ms);
  }

  void strike(runtime::Node& node) {
    const std::string& role = schedule_.roles[random_() % schedule_.roles.size()];
    runtime::FaultOrder order;
    order.path = "/job/" + role;
    bool isolated = role == "aggregator" && schedule_.isolated_aggregator;
    if (role == "trainer") {
      order.path += '/' + std::to_string(random_() % schedule_.trainers);
      isolated = schedule_.isolated_trainers;
    } else if (role == "loader") {
      order.path += '/' + std::to_string(random_() % schedule_.loaders);
      isolated = schedule_.isolated_loaders;
    } else if (role == "evaluator") {
      order.path += "/0";
    }
    if (isolated && random_() % 3 != 0) {
      const runtime::ProcessTable table = node.processes();
      for (const auto& row : table.rows) {
        if (row.path != order.path || row.pid == ::getpid() || row.pid <= 0) continue;
        ::kill(static_cast<pid_t>(row.pid), random_() % 2 == 0 ? SIGKILL : SIGSEGV);
        return;
      }
      throw Error{ErrorCode::bad_input, "no process"};
    }
    if (random_() % 2 == 0) order.kind = runtime::FaultOrder::Kind::throw_next;
    node.inject(order);
  }

  const Schedule& schedule_;
  std::minstd_rand random_;
  std::mutex mutex_;
  std::atomic<bool> ended_ = false;
  unsigned struck_ = 0, missed_ = 0;
};

struct Outcome {
  RunResult result;
  unsigned struck = 0;
};

Outcome run_under_faults(const Schedule& schedule, const std::string& config,
                         runtime::Registry& registry, const std::string& folder) {
  PipelineOptions options;
  options.node.log_descriptor = std::getenv("TROUPE_TEST_LOG") != nullptr ? 2 : -1;
  options.runs = folder + "/runs-" + std::to_string(schedule.seed);
  options.prepared = folder + "/prepared";
  options.config.isolation_available = true;
  options.config.overrides = {{"job.trainer.replicas", std::to_string(schedule.trainers)},
                              {"job.loader.replicas", std::to_string(schedule.loaders)},
                              {"job.intensity", "10000"},
                              {"job.backoff", "{first: 0s}"},
                              {"job.trainer.with.backup_after", "100ms"}};
  if (schedule.isolated_trainers)
    options.config.overrides.push_back({"job.trainer.isolation", "process"});
  if (schedule.isolated_aggregator)
    options.config.overrides.push_back({"job.aggregator.isolation", "process"});
  if (schedule.isolated_loaders)
    options.config.overrides.push_back({"job.loader.isolation", "process"});
  Pipeline pipeline = Pipeline::from_yaml(config, registry, options);
  Injector injector{schedule};
  std::thread thread;
  pipeline.observe([&](const TimedEvent& event) {
    // From here on the node is there; and from the end on it may not be.
    if (!thread.joinable() && !schedule.roles.empty())
      thread = std::thread{[&, node = pipeline.node()] { injector.run(*node); }};
    if (std::holds_alternative<JobEnded>(event.event)) injector.end();
  });
  std::atomic<bool> done = false;
  std::thread watchdog{[&] {
    const auto until = std::chrono::steady_clock::now() + most_of_a_run;
    while (!done && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(20ms);
    if (done) return;
    injector.end();
    if (runtime::Node* const node = pipeline.node())
      std::fprintf(stderr, "%s\n", render(node->processes(), 0).c_str());
    pipeline.stop();
  }};
  Outcome outcome;
  try {
    outcome.result = pipeline.run();
  } catch (const Error& error) {
    outcome.result.reason = error.what();
  }
  done = true;
  injector.end();
  watchdog.join();
  if (thread.joinable()) thread.join();
  outcome.struck = injector.struck();
  return outcome;
}

/// Each role and each arrangement comes up in the first twenty; later ones are drawn.
Schedule make_schedule(std::uint64_t seed) {
  std::minstd_rand random{static_cast<unsigned>(seed * 7919 + 1)};
  Schedule schedule;
  schedule.seed = seed;
  constexpr std::array<unsigned, 3> trainers{1, 2, 4};
  schedule.trainers = trainers[seed % 3];
  schedule.isolated_trainers = seed / 3 % 2 == 1;
  if (seed % 5 == 4) {
    schedule.shards = 6;
    schedule.trainers = 3;
  }
  schedule.loaders = 1 + static_cast<unsigned>(random() % 2);
  schedule.isolated_aggregator = random() % 4 == 0;
  schedule.isolated_loaders = random() % 4 == 0;
  if (seed % 2 == 0) {
    schedule.roles = {all_roles[seed / 2 % all_roles.size()]};
  } else {
    schedule.roles = all_roles;
  }
  const bool processes =
      schedule.isolated_trainers || schedule.isolated_aggregator || schedule.isolated_loaders;
  schedule.mean_ms = processes ? 60 : 30;
  return schedule;
}

}  // namespace

int main(int argc, char** argv) {
  runtime::Registry registry;
  add_roles(registry);
  if (const auto worker = runtime::worker_main(argc, argv, registry)) return *worker;
  const std::uint64_t schedules = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20;
  const std::uint64_t first = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  const std::string data =
      std::filesystem::absolute(argc > 3 ? argv[3] : "apps/pipelines/data/optdigits.csv.gz");
  const TemporaryFolder folder;

  constexpr unsigned epochs = 120;
  std::map<unsigned, Reference> references;
  std::map<unsigned, std::string> configs;
  std::map<unsigned, JobSections> sections;
  for (const unsigned shards : {8U, 6U}) {
    const std::string file = folder.path() + "/faults-" + std::to_string(shards) + ".yaml";
    const std::string text = config_text(data, shards, epochs, 3);
    write_atomically(posix_files(), file, std::as_bytes(std::span{text}));
    configs[shards] = file;
    const Pipeline pipeline = Pipeline::from_yaml(file, registry);
    for (const runtime::ChildSpec& job : pipeline.config().root.children) {
      if (job.name != "job") continue;
      const runtime::Parameters& with = job.supervisor->children.front().parameters;
      sections[shards] = {with.structure("data"),
                          with.structure("preprocess"),
                          with.structure("model"),
                          with.structure("train"),
                          with.structure("evaluate"),
                          3,
                          folder.path()};
    }
    references[shards] = compute_alone(sections[shards], folder.path() + "/prepared");
  }
  bool failed = references[8].state_hash == references[6].state_hash;
  if (failed) std::puts("FAILED: S = 6 and S = 8 give one hash");
  std::uint64_t counted = 0, faults = 0;
  for (std::uint64_t n = 0; counted < schedules && n < schedules * 2; ++n) {
    const Schedule schedule = make_schedule(first + n);
    const Reference& reference = references.at(schedule.shards);
    const auto began = std::chrono::steady_clock::now();
    const Outcome outcome =
        run_under_faults(schedule, configs.at(schedule.shards), registry, folder.path());
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    std::string wrong;
    if (!outcome.result.ok) {
      wrong = "it did not end well: " + outcome.result.reason;
    } else if (outcome.result.state_hash != reference.state_hash) {
      wrong = "another state: " + outcome.result.state_hash + ", expected " + reference.state_hash;
    } else {
      wrong = audit(outcome.result.run_folder, sections.at(schedule.shards), reference.steps);
    }
    const bool enough = outcome.struck >= fewest_faults;
    std::printf("%s%s: %u faults, %.1f s%s\n",
                wrong.empty() ? "" : "FAILED: ", text_of(schedule).c_str(), outcome.struck, seconds,
                enough ? "" : " (too few, not counted)");
    if (!wrong.empty()) std::printf("  %s\n", wrong.c_str());
    std::fflush(stdout);
    failed = failed || !wrong.empty();
    if (enough) ++counted;
    faults += outcome.struck;
  }
  std::printf("%llu schedules with %llu faults\n", static_cast<unsigned long long>(counted),
              static_cast<unsigned long long>(faults));
  if (counted < schedules) std::puts("FAILED: too few schedules had enough faults");
  return failed || counted < schedules ? 1 : 0;
}
