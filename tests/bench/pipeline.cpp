// A job through its actors beside the bare loop over the compute core, on the same model, data and cores: samples a
// second, as ratios of the median of several runs, both in turn. Run it pinned:
//
//   TROUPE_DATA=DIR taskset -c 0,1 bench_pipeline [--device cuda] [mlp|cnn]...
//
// On a GPU the loop is that of a trainer that is alone (ResidentJob), so that the ratio is what the actors cost.
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "actors/coordinator/prepared_job.hpp"
#include "actors/loader/batch_maker.hpp"
#include "actors/loader/data_spec.hpp"
#include "actors/loader/prepared_data.hpp"
#include "actors/pipeline/pipeline.hpp"
#include "actors/pipeline/roles.hpp"
#include "actors/trainer/device_data.hpp"
#include "actors/trainer/job_device.hpp"
#include "actors/trainer/resident_job.hpp"
#include "gpu/cpu_device.hpp"
#include "gpu/device.hpp"
#include "gpu/nn/local_job.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/worker_main.hpp"
#include "runtime/registry.hpp"
#include "tests/support/job_config.hpp"

using namespace troupe;
using namespace troupe::actors;

namespace {

using Steady = std::chrono::steady_clock;

struct Model {
  const char* name;
  const char* layers;
  unsigned batch, steps;
};

const std::vector<Model> models{
    {"mlp", "[flatten, dense: {units: 128}, relu, dense: {units: 10}]", 256, 1200},
    {"cnn",
     "[conv2d: {filters: 32, kernel: 3, padding_mode: same}, relu, max_pool: {kernel: 2}, conv2d: "
     "{filters: 64, kernel: 3, "
     "padding_mode: same}, relu, max_pool: {kernel: 2}, flatten, dense: {units: 128}, relu, dense: "
     "{units: 10}]",
     256, 60},
};

// Some seconds of work for a GPU.
const std::vector<Model> gpu_models{{"mlp", models[0].layers, 256, 100000},
                                    {"cnn", models[1].layers, 256, 20000}};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

std::string yaml(const Model& model, const std::string& data, const std::string& device) {
  return std::string{"name: bench\nseed: 1\ndata:\n  format: idx\n  train: {features: "} + data +
         "/mnist/train-images-idx3-ubyte.gz, labels: " + data +
         "/mnist/train-labels-idx1-ubyte.gz}\n  classes: 10\n"
         "preprocess: {split: {validation: 0, test: 0}, transforms: [scale: {factor: "
         "0.00392156862745098}, normalize]}\n"
         "model: " +
         model.layers + "\ntrain: {steps: " + std::to_string(model.steps) +
         ", batch: " + std::to_string(model.batch) +
         ", optimizer: adam, checkpoint_every: 1000000, device: " + device + "}\n";
}

/// Steps a second of the loop over the compute core, without the first of them.
double bare_steps(const PreparedJob& prepared, BatchMaker& batches) {
  const auto device = gpu::make_cpu_device();
  gpu::nn::LocalJob job{prepared.job->graph(), *device, prepared.job->spec()};
  const gpu::nn::BatchSource source = [&](PositionRange positions,
                                          std::span<std::byte* const> inputs) {
    batches.fill(positions, inputs);
  };
  job.step(source);
  const auto began = Steady::now();
  while (job.next_step() < prepared.job->steps()) job.step(source);
  return static_cast<double>(prepared.job->steps() - 1) /
         std::chrono::duration<double>(Steady::now() - began).count();
}

/// The same by a GPU that has the data set; a version is copied out as often as it has to be.
double bare_steps_on_gpu(const PreparedJob& prepared) {
  const TrainingJob& job = *prepared.job;
  JobDevice device = JobDevice::make(job, {});
  ShardRunner runner{prepared.job, *device.device};
  ResidentJob resident{prepared.job, *device.device, runner};
  std::vector<std::byte> state(job.layout().slot_bytes);
  job.graph().initialise(job.layout(), job.spec().seed, state);
  resident.load(0, state);
  std::string why_not;
  auto data = put_on_device(posix_files(), prepared.data_folder, job, *device.device, why_not);
  if (!data) throw Error{ErrorCode::unsupported, why_not};
  resident.make_room_for_batches();
  resident.set_data(*std::move(data));
  const auto advance = [&](std::uint64_t steps) {
    resident.run(steps);
    if (resident.version() % ResidentJob::most_unsaved != 0) return;
    const ResidentJob::Snapshot snapshot = resident.snapshot();
    resident.copy_out(snapshot, state);
    resident.release(snapshot);
  };
  advance(ResidentJob::most_at_once);
  resident.check();
  const auto began = Steady::now();
  while (resident.version() < job.steps())
    advance(std::min<std::uint64_t>(job.steps() - resident.version(), ResidentJob::most_at_once));
  resident.check();
  return static_cast<double>(job.steps() - ResidentJob::most_at_once) /
         std::chrono::duration<double>(Steady::now() - began).count();
}

/// Samples a second of a whole job, from its first step to its last.
double through_actors(const std::string& config, runtime::Registry& registry, unsigned trainers,
                      const std::string& folder, std::string& hash) {
  PipelineOptions options;
  options.node.log_descriptor = -1;
  options.runs = folder + "/runs";
  options.prepared = folder + "/prepared";
  options.config.overrides = {{"train.replicas", std::to_string(trainers)}};
  Pipeline pipeline = Pipeline::from_yaml(config, registry, options);
  double first_at = 0, last_at = 0;
  std::uint64_t first = 0, last = 0;
  pipeline.observe([&](const TimedEvent& event) {
    if (const auto* done = std::get_if<StepsDone>(&event.event)) {
      if (first_at == 0) first_at = event.at_seconds, first = done->step;
      last_at = event.at_seconds, last = done->step;
    }
  });
  const RunResult result = pipeline.run();
  if (!result.ok) throw Error{ErrorCode::bad_input, result.reason};
  hash = result.state_hash;
  return static_cast<double>(last - first) / (last_at - first_at);
}

}  // namespace

int main(int argc, char** argv) {
  runtime::Registry registry;
  add_roles(registry);
  if (const auto worker = runtime::worker_main(argc, argv, registry)) return *worker;
  const char* const data = std::getenv("TROUPE_DATA");
  if (data == nullptr) return std::puts("SKIPPED: TROUPE_DATA is not set"), 77;
  const std::string folder = (std::filesystem::temp_directory_path() / "troupe-bench").string();
  std::filesystem::create_directories(folder);
  cpu_set_t cores;
  ::sched_getaffinity(0, sizeof cores, &cores);
  std::printf("%d cores\n", CPU_COUNT(&cores));
  std::vector<std::string> words{argv + 1, argv + argc};
  const bool on_gpu = words.size() >= 2 && words[0] == "--device" && words[1] == "cuda";
  if (on_gpu) words.erase(words.begin(), words.begin() + 2);
  for (const Model& model : on_gpu ? gpu_models : models) {
    if (!words.empty() && std::ranges::find(words, model.name) == words.end()) continue;
    const std::string config = folder + "/" + model.name + ".yaml",
                      text = yaml(model, data, on_gpu ? "cuda" : "cpu");
    write_atomically(posix_files(), config, std::as_bytes(std::span{text}));
    const Pipeline pipeline = Pipeline::from_yaml(config, registry);
    const JobSections sections = test::sections_of(pipeline.config(), folder);
    const PreparedJob prepared = prepare_job(posix_files(), sections, folder + "/prepared");
    const PreparedData records = PreparedData::open(posix_files(), prepared.data_folder);
    BatchMaker batches{
        records, parse_preprocess_spec(sections.preprocess, parse_data_spec(sections.data, folder)),
        1};
    std::vector<double> bare, one, two;
    std::string hash_one, hash_two;
    for (int round = 0; round < 5; ++round) {
      bare.push_back(on_gpu ? bare_steps_on_gpu(prepared) : bare_steps(prepared, batches));
      one.push_back(through_actors(config, registry, 1, folder, hash_one));
      two.push_back(through_actors(config, registry, 2, folder, hash_two));
    }
    const double batch = static_cast<double>(prepared.job->spec().batch);
    std::printf(
        "%s  bare %.0f samples/s; one trainer %.0f (%.3f of it); two trainers %.0f (%.2f of "
        "one's)%s\n",
        model.name, median(bare) * batch, median(one) * batch, median(one) / median(bare),
        median(two) * batch, median(two) / median(one),
        hash_one == hash_two ? "" : "; HASHES DIFFER");
    std::fflush(stdout);
  }
  std::filesystem::remove_all(folder);
}
