// A job through its actors beside the bare loop over the compute core, on the same model, data and cores: samples a
// second, as ratios of the median of several runs, both in turn. Run it pinned:
//
//   TROUPE_DATA=DIR taskset -c 0,1 bench_pipeline [mlp|cnn]...
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
#include "gpu/cpu_device.hpp"
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

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

std::string yaml(const Model& model, const std::string& data) {
  return std::string{"name: bench\nseed: 1\ndata:\n  format: idx\n  train: {features: "} + data +
         "/mnist/train-images-idx3-ubyte.gz, labels: " + data +
         "/mnist/train-labels-idx1-ubyte.gz}\n  classes: 10\n"
         "preprocess: {split: {validation: 0, test: 0}, transforms: [scale: {factor: "
         "0.00392156862745098}, normalize]}\n"
         "model: " +
         model.layers + "\ntrain: {steps: " + std::to_string(model.steps) +
         ", batch: " + std::to_string(model.batch) +
         ", optimizer: adam, checkpoint_every: 1000000}\n";
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
  for (const Model& model : models) {
    bool wanted = argc == 1;
    for (int i = 1; i < argc; ++i) wanted = wanted || model.name == std::string{argv[i]};
    if (!wanted) continue;
    const std::string config = folder + "/" + model.name + ".yaml", text = yaml(model, data);
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
      const auto device = gpu::make_cpu_device();
      gpu::nn::LocalJob job{prepared.job->graph(), *device, prepared.job->spec()};
      const gpu::nn::BatchSource source = [&](PositionRange positions,
                                              std::span<std::byte* const> inputs) {
        batches.fill(positions, inputs);
      };
      job.step(source);
      const auto began = Steady::now();
      while (job.next_step() < prepared.job->steps()) job.step(source);
      bare.push_back(static_cast<double>(prepared.job->steps() - 1) /
                     std::chrono::duration<double>(Steady::now() - began).count());
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
