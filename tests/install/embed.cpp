// What the README shows, on data made here: compiled against the installed library, by pkg-config alone.
#include <cstdio>
#include <filesystem>
#include <string>

#include "gpu/cpu_device.hpp"
#include "gpu/nn/graph.hpp"
#include "gpu/nn/local_job.hpp"
#include "gpu/nn/model.hpp"
#include "runtime/base/file.hpp"
#include "serialization/checkpoint.hpp"
#include "serialization/model_state.hpp"

using namespace troupe;
using namespace troupe::gpu;

int main(int, char** argv) {
  nn::ModelBuilder model;
  model.input("x", Shape{16});
  model.input("label", Shape{}, DType::i32);
  model.add("dense", {{"units", std::int64_t{32}}});
  model.add("relu");
  const std::string logits = model.add("dense", {{"units", std::int64_t{4}}});
  model.add("softmax_cross_entropy", {}, {logits, "label"});
  const nn::Graph graph{model.description()};

  const auto device = make_cpu_device();
  nn::JobSpec spec;
  spec.batch = 64;
  spec.optimizer = {nn::Adam{}, {}};
  spec.schedule = {1e-2, nn::CosineRate{200}, 10};
  nn::LocalJob job{graph, *device, spec};
  const nn::BatchSource source = [](PositionRange positions, std::span<std::byte* const> inputs) {
    auto* x = reinterpret_cast<float*>(inputs[0]);
    auto* label = reinterpret_cast<std::int32_t*>(inputs[1]);
    for (std::uint64_t p = positions.first; p < positions.last; ++p) {
      *label = static_cast<std::int32_t>(p % 4);
      for (std::uint64_t i = 0; i < 16; ++i)
        *x++ = static_cast<float>((p * 7 + i * 3) % 5) / 5.0F + (i % 4 == p % 4 ? 1.0F : 0.0F);
      ++label;
    }
  };
  const double first = job.step(source).loss;
  double last = first;
  while (job.next_step() < 200) last = job.step(source).loss;

  serialization::TrainingRecord record;
  record.step = job.next_step();
  const std::string folder =
      std::string{argv[1]} + "/" + serialization::checkpoint_name(record.step);
  serialization::write_checkpoint(posix_files(), folder, record,
                                  serialization::SlotTensors{job.layout(), job.state()}.views());
  nn::LocalJob other{graph, *device, spec};
  const serialization::Checkpoint saved = serialization::read_checkpoint(posix_files(), folder);
  std::vector<std::byte> slot(other.layout().slot_bytes);
  serialization::load_slot(other.layout(), saved.state, slot);
  other.restore(record.step, slot);
  const bool same = serialization::state_hash(other.layout(), other.state(), record.step) ==
                    saved.manifest.state_hash;
  std::printf("loss %.4f, then %.4f; state %s%s\n", first, last,
              serialization::to_hex(saved.manifest.state_hash).c_str(),
              same ? "" : ", which is not what was loaded");
  return same && last < 0.1 * first ? 0 : 1;
}
