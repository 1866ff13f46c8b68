// Prints the state hash of a short job on the portable kernels, and a digest of what this machine's libm gives, for
// same_hash.py to compare between machines that differ in what libm may use.
//
//   job_hash [SEED]
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "gpu/cpu_device.hpp"
#include "gpu/nn/local_job.hpp"
#include "gpu/nn/model.hpp"
#include "gpu/transform/transform_chain.hpp"
#include "serialization/model_state.hpp"
#include "serialization/sha256.hpp"

using namespace troupe;
using namespace troupe::gpu;
using namespace troupe::gpu::nn;

namespace {

ModelDescription model() {
  using I = std::int64_t;
  ModelBuilder m;
  m.input("image", Shape{12, 12, 1});
  m.input("label", Shape{}, DType::i32);
  m.add("conv2d", {{"filters", I{8}}, {"kernel", I{3}}});
  m.add("batch_norm");
  m.add("relu");
  m.add("average_pool", {{"kernel", I{2}}});
  m.add("flatten");
  for (const char* const activation : {"gelu", "silu", "sigmoid", "tanh"}) {
    m.add("dense", {{"units", I{33}}, {"weight_init", std::string{"xavier_normal"}}});
    m.add(activation);
    m.add("layer_norm");
  }
  m.add("dropout", {{"rate", 0.25}});
  const std::string logits = m.add("dense", {{"units", I{7}}});
  m.add("softmax_cross_entropy", {{"smoothing", 0.1}}, {logits, "label"});
  return m.description();
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  const TransformChain chain{{Scale{1.0 / 255.0, 0.0}, Rotate{15.0}, Shift{1.5, true}, Noise{0.05},
                              Normalize{{0.5}, {0.25}}},
                             Shape{12, 12, 1},
                             DType::u8};
  TransformScratch scratch;
  const BatchSource source = [&](PositionRange range, std::span<std::byte* const> inputs) {
    std::vector<std::byte> image(144);
    for (std::uint64_t p = range.first; p < range.last; ++p) {
      for (std::size_t i = 0; i < image.size(); ++i)
        image[i] = static_cast<std::byte>((p * 31 + i * i * 7) % 256);
      chain.apply(image, seed, p, {inputs[0] + (p - range.first) * 576, 576}, scratch);
      reinterpret_cast<std::int32_t*>(inputs[1])[p - range.first] =
          static_cast<std::int32_t>(p % 7);
    }
  };
  const Graph graph{model()};
  const auto device = make_cpu_device({1, CpuBackend::reference});
  JobSpec spec;
  spec.seed = seed;
  spec.batch = 36;
  spec.shards = 3;
  spec.optimizer = {Adam{}, 2.0};
  spec.schedule = {5e-3, CosineRate{30}, 5};
  LocalJob job{graph, *device, spec};
  for (int step = 0; step < 20; ++step) job.step(source);
  std::printf(
      "state %s\n",
      serialization::to_hex(serialization::state_hash(job.layout(), job.state(), 20)).c_str());

  std::vector<double> values;
  for (int i = 1; i < 20000; ++i) {
    const double x = i * 0.00137;
    values.insert(values.end(),
                  {std::sin(x), std::cos(x), std::exp(x), std::log(x), std::pow(x, 1.7)});
  }
  std::printf(
      "libm %s\n",
      serialization::to_hex(serialization::sha256(std::as_bytes(std::span{values}))).c_str());
}
