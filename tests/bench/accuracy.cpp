// Trains the MNIST networks of the literature to their accuracy and prints it; exits with 1 where a goal is missed,
// with 77 where there is no MNIST.
//
//   accuracy [mlp|mlp-augmented|cnn]...
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "gpu/cpu_device.hpp"
#include "gpu/nn/models.hpp"
#include "tests/support/mnist_job.hpp"

namespace {

using namespace troupe;
using namespace troupe::gpu;
using namespace troupe::gpu::nn;

struct Experiment {
  const char* name;
  ModelDescription model;
  bool augment;
  double rate, goal;  // the goal is for the mean over the seeds
  int seeds, epochs;
};

double train(const Experiment& experiment, const test::Mnist& mnist, std::uint64_t seed) {
  const Graph graph{experiment.model};
  const auto device = make_cpu_device();
  test::MnistBatches batches{mnist.train, seed, experiment.augment},
      held_back{mnist.test, seed, false};
  JobSpec spec;
  spec.seed = seed;
  spec.batch = 128;
  spec.optimizer = {Adam{}, {}};
  const Positions positions{static_cast<std::int64_t>(batches.size()), spec.batch,
                            experiment.epochs, default_shards(spec.batch)};
  spec.schedule = {experiment.rate, CosineRate{positions.steps()}, 0};
  LocalJob job{graph, *device, spec};
  const BatchSource source = batches.source();
  double loss = 0.0;
  for (std::uint64_t step = 0, epoch = 1; step < positions.steps(); ++step) {
    loss += job.step(source).loss;
    const std::uint64_t end = epoch == static_cast<std::uint64_t>(experiment.epochs)
                                  ? positions.steps()
                                  : positions.epoch_end(epoch);
    if (step + 1 != end) continue;
    if (experiment.seeds == 1) {
      std::printf("  epoch %2llu  loss %.4f  test accuracy %.4f\n",
                  static_cast<unsigned long long>(epoch),
                  loss / static_cast<double>(end - positions.epoch_end(epoch - 1)),
                  test::accuracy(graph, job.layout(), *device, job.state(), held_back));
      std::fflush(stdout);
    }
    loss = 0.0;
    ++epoch;
  }
  return test::accuracy(graph, job.layout(), *device, job.state(), held_back);
}

}  // namespace

int main(int argc, char** argv) {
  const auto mnist = test::find_mnist();
  if (!mnist) {
    std::puts("SKIPPED: TROUPE_DATA has no MNIST");
    return 77;
  }
  ModelDescription flat = mlp(std::array<std::int64_t, 3>{784, 128, 10});
  const std::vector<Experiment> experiments{
      {"mlp", flat, false, 4e-3, 0.980, 5, 10},
      {"mlp-augmented", flat, true, 4e-3, 0.9842, 5, 10},
      {"cnn", cnn(Shape{28, 28, 1}, 10, {.batch_norm = true, .dropout = 0.3}), true, 2e-3, 0.992, 1,
       10},
  };
  bool reached = true;
  for (const Experiment& experiment : experiments) {
    bool wanted = argc == 1;
    for (int i = 1; i < argc; ++i) wanted = wanted || std::strcmp(argv[i], experiment.name) == 0;
    if (!wanted) continue;
    double sum = 0.0;
    for (int seed = 1; seed <= experiment.seeds; ++seed) {
      const double accuracy = train(experiment, *mnist, static_cast<std::uint64_t>(seed));
      std::printf("%-14s seed %d  test accuracy %.4f\n", experiment.name, seed, accuracy);
      std::fflush(stdout);
      sum += accuracy;
    }
    const double mean = sum / experiment.seeds;
    std::printf("%-14s mean of %d  %.4f, goal %.4f: %s\n", experiment.name, experiment.seeds, mean,
                experiment.goal, mean >= experiment.goal ? "reached" : "MISSED");
    reached = reached && mean >= experiment.goal;
  }
  return reached ? 0 : 1;
}
