#include "tests/support/mnist_job.hpp"

#include <unistd.h>

#include "gpu/cpu_device.hpp"
#include "gpu/nn/models.hpp"
#include "runtime/base/file.hpp"
#include "serialization/checkpoint.hpp"
#include "serialization/model_state.hpp"
#include "tests/support/skip.hpp"

using namespace troupe;
using namespace troupe::gpu;
using namespace troupe::gpu::nn;

namespace {

JobSpec spec_of(double rate, std::uint64_t steps) {
  JobSpec spec;
  spec.seed = 5;
  spec.batch = 128;
  spec.optimizer = {Adam{}, {}};
  spec.schedule = {rate, CosineRate{steps}, 0};
  return spec;
}

/// A folder of this test's own, removed at the end.
struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("troupe-mnist-" + std::to_string(::getpid()));
  Folder() { std::filesystem::create_directory(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string checkpoint(std::uint64_t step) const {
    return (path / serialization::checkpoint_name(step)).string();
  }
};

}  // namespace

TEST_CASE("MNIST: a network learns, is saved, and goes on elsewhere with the same bits") {
  const auto mnist = test::find_mnist();
  if (!mnist) return test::skip("TROUPE_DATA has no MNIST");
  const Graph graph{mlp(std::array<std::int64_t, 3>{784, 128, 10})};
  const auto device = make_cpu_device();
  test::MnistBatches batches{mnist->train, 5, false}, held_back{mnist->test, 5, false};
  const BatchSource source = batches.source();
  const Positions positions{static_cast<std::int64_t>(batches.size()), 128, 2, default_shards(128)};
  const JobSpec spec = spec_of(4e-3, positions.steps());

  LocalJob job{graph, *device, spec};
  const std::uint64_t middle = 700;  // within the second epoch
  while (job.next_step() < middle) job.step(source);
  const Folder folder;
  serialization::TrainingRecord record;
  record.config = "model: mlp";
  record.step = middle;
  record.seed = spec.seed;
  const serialization::SlotTensors tensors{job.layout(), job.state()};
  serialization::write_checkpoint(posix_files(), folder.checkpoint(middle), record,
                                  tensors.views());
  while (job.next_step() < positions.steps()) job.step(source);
  CHECK(test::accuracy(graph, job.layout(), *device, job.state(), held_back) >= 0.97);

  const auto found = serialization::find_newest_checkpoint(posix_files(), folder.path.string());
  REQUIRE(found.checkpoint);
  LocalJob elsewhere{graph, *device, spec};
  std::vector<std::byte> slot(elsewhere.layout().slot_bytes);
  serialization::load_slot(elsewhere.layout(), found.checkpoint->state, slot);
  elsewhere.restore(found.checkpoint->manifest.record.step, slot);
  CHECK(serialization::state_hash(elsewhere.layout(), elsewhere.state(), middle) ==
        found.checkpoint->manifest.state_hash);
  while (elsewhere.next_step() < positions.steps()) elsewhere.step(source);
  CHECK(serialization::state_hash(elsewhere.layout(), elsewhere.state(), positions.steps()) ==
        serialization::state_hash(job.layout(), job.state(), positions.steps()));
}

TEST_CASE("MNIST: a convolutional network passes 97 % within its first epoch, with augmentation") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return test::skip("an epoch of convolutions takes minutes under a sanitizer");
#endif
  const auto mnist = test::find_mnist();
  if (!mnist) return test::skip("TROUPE_DATA has no MNIST");
  const Graph graph{cnn(Shape{28, 28, 1}, 10, {.batch_norm = true, .dropout = 0.3})};
  const auto device = make_cpu_device();
  test::MnistBatches batches{mnist->train, 5, true}, held_back{mnist->test, 5, false};
  const Positions positions{static_cast<std::int64_t>(batches.size()), 128, 1, default_shards(128)};
  LocalJob job{graph, *device, spec_of(2e-3, positions.steps())};
  const BatchSource source = batches.source();
  while (job.next_step() < positions.steps()) job.step(source);
  CHECK(test::accuracy(graph, job.layout(), *device, job.state(), held_back) >= 0.97);
}
