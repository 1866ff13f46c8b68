// One job under random faults, in many arrangements: whatever ends, the final state is that of one loop without an actor,
// bit for bit, and the ledger says that each position was consumed once (JOB-1 to JOB-8). The latter holds with a parameter
// server as well (JOB-9).
//
//   job_faults [SCHEDULES [FIRST_SEED [DATA]]]     seeds below 20 are chosen schedules, all others are drawn
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "actors/coordinator/audit.hpp"
#include "actors/coordinator/prepared_job.hpp"
#include "actors/loader/batch_maker.hpp"
#include "actors/loader/data_spec.hpp"
#include "actors/loader/prepared_data.hpp"
#include "actors/pipeline/pipeline.hpp"
#include "actors/pipeline/roles.hpp"
#include "gpu/cpu_device.hpp"
#include "gpu/nn/local_job.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/node.hpp"
#include "runtime/cluster/worker_main.hpp"
#include "runtime/config/config.hpp"
#include "runtime/registry.hpp"
#include "serialization/model_state.hpp"
#include "tests/faults/fault_schedule.hpp"
#include "tests/faults/job_injector.hpp"
#include "tests/support/job_config.hpp"
#include "tests/support/job_watch.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::faults;
using namespace std::chrono_literals;

namespace {

constexpr auto most_of_a_run = 120s;
constexpr unsigned fewest_faults = 5;
// Schedules in which everybody is struck.
constexpr std::uint64_t exempt_seeds[] = {14, 17};
constexpr unsigned exempt_shards = 8;

/// @param more  of the section `train`
std::string config_text(const std::string& data, unsigned shards, unsigned epochs,
                        std::uint64_t seed, const std::string& more) {
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
         "\n  optimizer: adam\n  learning_rate: 2e-3\n  clip_norm: 5\n  checkpoint_every: 75\n" +
         more +
         "evaluate:\n  every: 100 steps\n  batch: 50\n"
         "actors:\n  - name: watch\n    type: job_watch\n    with:\n      paths: ["
         "/job/coordinator, /job/loader/0, /job/loader/1, /job/aggregator, /job/checkpointer, "
         "/job/trainer/0, /job/trainer/1, /job/trainer/2, /job/trainer/3, /job/evaluator/0]\n";
}

struct Reference {
  std::string config;  ///< its file
  std::uint64_t job = 0;
  std::string state_hash;  ///< empty: it is not the same each time
  std::uint64_t steps = 0;
};

/// What an actor-free loop over the compute core comes to.
Reference compute_alone(const std::string& config, runtime::Registry& registry,
                        const std::string& folder) {
  const Pipeline pipeline = Pipeline::from_yaml(config, registry);
  const JobSections sections = test::sections_of(pipeline.config(), folder);
  const PreparedJob prepared = prepare_job(posix_files(), sections, folder + "/prepared");
  Reference result{config, prepared.job->id(), {}, prepared.job->steps()};
  if (prepared.job->train().staleness > 0) return result;
  const PreparedData data = PreparedData::open(posix_files(), prepared.data_folder);
  const DataSpec data_spec = parse_data_spec(sections.data, sections.base);
  BatchMaker batches{data, parse_preprocess_spec(sections.preprocess, data_spec), sections.seed};
  const auto device = gpu::make_cpu_device();
  gpu::nn::LocalJob job{prepared.job->graph(), *device, prepared.job->spec()};
  const gpu::nn::BatchSource source = [&](PositionRange positions,
                                          std::span<std::byte* const> inputs) {
    batches.fill(positions, inputs);
  };
  while (job.next_step() < result.steps) job.step(source);
  result.state_hash =
      serialization::to_hex(serialization::state_hash(job.layout(), job.state(), job.next_step()));
  return result;
}

struct Outcome {
  RunResult result;
  Coverage struck;
  std::chrono::duration<double> mean_rejoin{};
};

Outcome run_under_faults(const Schedule& schedule, const std::string& config, std::uint64_t job,
                         runtime::Registry& registry, test::JobWatch& watch,
                         const std::string& folder) {
  watch.clear();
  PipelineOptions options;
  options.node.log_descriptor = std::getenv("TROUPE_TEST_LOG") != nullptr ? 2 : -1;
  options.runs = folder + "/runs-" + std::to_string(schedule.seed);
  options.prepared = folder + "/prepared";
  options.config.isolation_available = true;
  options.config.overrides = {{"job.trainer.replicas", std::to_string(schedule.trainers)},
                              {"job.loader.replicas", std::to_string(schedule.loaders)},
                              {"job.trainer.with.backup_after", "100ms"}};
  for (const std::string_view role : schedule.isolated)
    options.config.overrides.push_back({"job." + std::string{role} + ".isolation", "process"});
  runtime::NodeConfig tree = Pipeline::from_yaml(config, registry, options).config();
  test::set_intensity(tree.root, 10'000);
  Pipeline pipeline = Pipeline::from_config(std::move(tree), config, registry, options);
  JobInjector injector{schedule, watch, job};
  std::thread thread;
  pipeline.observe([&](const TimedEvent& event) {
    // From here on the node is there; and from the end on it may not be.
    if (!thread.joinable())
      thread = std::thread{[&, node = pipeline.node()] { injector.run(*node); }};
    if (std::holds_alternative<Evaluated>(event.event)) injector.measured();
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
    if (const auto versions = watch.versions(job))
      std::fprintf(stderr, "version %llu, %llu collected\n",
                   static_cast<unsigned long long>(versions->newest().value_or(0)),
                   static_cast<unsigned long long>(versions->collected()));
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
  outcome.mean_rejoin = injector.mean_rejoin();
  return outcome;
}

/// Runs and tells of a schedule. @return whether all was as it has to be; what struck is added to `struck`.
bool check(const Schedule& schedule, const Reference& reference, runtime::Registry& registry,
           test::JobWatch& watch, const std::string& folder, Coverage& struck) {
  const auto began = std::chrono::steady_clock::now();
  const Outcome outcome =
      run_under_faults(schedule, reference.config, reference.job, registry, watch, folder);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::string wrong;
  if (!outcome.result.ok) {
    wrong = "it did not end well: " + outcome.result.reason;
  } else if (!reference.state_hash.empty() && outcome.result.state_hash != reference.state_hash) {
    wrong = "another state: " + outcome.result.state_hash + ", expected " + reference.state_hash;
  } else {
    const AuditReport report = audit_run(posix_files(), outcome.result.run_folder);
    if (!report.ok() || report.steps != reference.steps) wrong = report.text();
  }
  const std::uint64_t faults = outcome.struck.total();
  std::printf("%s%s: %llu faults, back after %.1f ms, %.1f s%s\n",
              wrong.empty() ? "" : "FAILED: ", to_text(schedule).c_str(),
              static_cast<unsigned long long>(faults), 1e3 * outcome.mean_rejoin.count(), seconds,
              faults >= fewest_faults ? "" : " (too few, not counted)");
  if (!wrong.empty()) std::printf("  %s\n", wrong.c_str());
  std::fflush(stdout);
  struck.add(outcome.struck);
  return wrong.empty();
}

}  // namespace

int main(int argc, char** argv) {
  runtime::Registry registry;
  add_roles(registry);
  test::JobWatch watch;
  watch.add_type(registry);
  if (const auto worker = runtime::worker_main(argc, argv, registry)) return *worker;
  const std::uint64_t schedules = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20;
  const std::uint64_t first = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  const std::string data =
      std::filesystem::absolute(argc > 3 ? argv[3] : "apps/pipelines/data/optdigits.csv.gz");
  const test::TemporaryFolder folder;

  constexpr unsigned epochs = 200;
  const auto reference = [&](const std::string& name, unsigned shards, const std::string& more) {
    const std::string file = folder.path() + "/faults-" + name + ".yaml";
    const std::string text = config_text(data, shards, epochs, 3, more);
    write_atomically(posix_files(), file, std::as_bytes(std::span{text}));
    return compute_alone(file, registry, folder.path());
  };
  std::map<unsigned, Reference> references;
  for (const unsigned shards : {8U, 6U})
    references[shards] = reference(std::to_string(shards), shards, "");
  bool failed = references[8].state_hash == references[6].state_hash;
  if (failed) std::puts("FAILED: S = 6 and S = 8 give one hash");
  std::uint64_t counted = 0;
  Coverage struck;
  const bool all_faults = schedules >= chosen_schedules;
  for (std::uint64_t n = 0;
       (counted < schedules || (all_faults && !struck.complete())) && n < schedules * 2; ++n) {
    const Schedule schedule = make_schedule(first + n);
    Coverage now;
    if (!check(schedule, references.at(schedule.shards), registry, watch, folder.path(), now))
      failed = true;
    if (now.total() >= fewest_faults) ++counted;
    struck.add(now);
  }
  std::printf("%llu schedules with %llu faults\n%s", static_cast<unsigned long long>(counted),
              static_cast<unsigned long long>(struck.total()), struck.text().c_str());
  if (counted < schedules) {
    std::puts("FAILED: too few schedules had enough faults");
    failed = true;
  }
  if (all_faults && !struck.complete()) {
    std::puts("FAILED: a fault that is possible never struck");
    failed = true;
  }
  std::puts("with a parameter server:");
  const Reference exempt =
      reference("exempt", exempt_shards, "  aggregate: {parameter_server: {staleness: 3}}\n");
  for (const std::uint64_t seed : exempt_seeds) {
    Schedule schedule = make_schedule(seed);
    schedule.shards = exempt_shards;
    if (!check(schedule, exempt, registry, watch, folder.path(), struck)) failed = true;
  }
  return failed ? 1 : 0;
}
