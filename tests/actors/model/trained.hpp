#pragma once

#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "actors/model/model_spec.hpp"
#include "actors/model/saved_model.hpp"
#include "gpu/cpu_device.hpp"
#include "gpu/nn/local_job.hpp"
#include "gpu/transform/moments.hpp"
#include "runtime/base/file.hpp"
#include "runtime/base/permutation.hpp"
#include "serialization/checkpoint.hpp"
#include "serialization/formats/csv.hpp"
#include "serialization/model_state.hpp"
#include "tests/support/data.hpp"

namespace troupe::test {

/// Samples in memory: raw features of 64 numbers, and labels, i32 or f32.
struct Samples {
  std::vector<std::byte> features, labels;

  std::size_t size() const { return labels.size() / 4; }
  std::size_t sample_bytes() const { return features.size() / size(); }
  template <class T>
  std::span<const T> features_as() const {
    return {reinterpret_cast<const T*>(features.data()), features.size() / sizeof(T)};
  }
  std::int32_t label(std::size_t i) const {
    std::int32_t value = 0;
    std::memcpy(&value, labels.data() + i * 4, 4);
    return value;
  }
  Samples part(std::size_t first, std::size_t last) const {
    const auto cut = [&](const std::vector<std::byte>& from, std::size_t each) {
      return std::vector(from.begin() + static_cast<std::ptrdiff_t>(first * each),
                         from.begin() + static_cast<std::ptrdiff_t>(last * each));
    };
    return {cut(features, sample_bytes()), cut(labels, 4)};
  }
  template <class T, class Label>
  void add(std::span<const T> sample, Label label) {
    const auto bytes = std::as_bytes(sample);
    features.insert(features.end(), bytes.begin(), bytes.end());
    const auto* const at = reinterpret_cast<const std::byte*>(&label);
    labels.insert(labels.end(), at, at + sizeof label);
  }
};

/// The handwritten digits, 8x8x1 u8, 1797 of them. @param path  optdigits/digits.csv.gz
inline Samples digits(const std::string& path) {
  serialization::CsvOptions options;
  options.header = false;
  const serialization::CsvDataset table{path, options};
  Samples samples;
  serialization::CsvRow row;
  for (std::uint64_t i = 0; i < table.size(); ++i) {
    table.read(i, row);
    std::array<std::uint8_t, 64> pixels{};
    for (std::size_t k = 0; k < 64; ++k) pixels[k] = static_cast<std::uint8_t>(*row.i64(k));
    samples.add(std::span<const std::uint8_t>{pixels}, static_cast<std::int32_t>(*row.i64(64)));
  }
  return samples;
}

/// Made up, and easy to tell apart: class c is bright in its own rows of 8x8 pixels. @param classes  up to 4
inline Samples stripes(std::size_t size, std::int32_t classes) {
  Samples samples;
  std::uint64_t state = 11;
  const auto draw = [&] {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::uint32_t>(state >> 33U);
  };
  for (std::size_t i = 0; i < size; ++i) {
    const auto label = static_cast<std::int32_t>(draw() % static_cast<std::uint32_t>(classes));
    std::array<std::uint8_t, 64> pixels{};
    for (std::size_t k = 0; k < 64; ++k) {
      const bool own = k / 16 == static_cast<std::size_t>(label);
      pixels[k] = static_cast<std::uint8_t>(draw() % 12 + (own ? 4 : 0));
    }
    samples.add(std::span<const std::uint8_t>{pixels}, label);
  }
  return samples;
}

/// f32 [64] and a value that is linear in them.
inline Samples slopes(std::size_t size) {
  Samples samples;
  std::uint64_t state = 5;
  for (std::size_t i = 0; i < size; ++i) {
    std::array<float, 64> numbers{};
    float value = 0.5F;
    for (std::size_t k = 0; k < 64; ++k) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      numbers[k] = static_cast<float>(state >> 40U) / 16777216.0F - 0.5F;
      value += numbers[k] * (k % 3 == 0 ? 0.25F : -0.125F);
    }
    samples.add(std::span<const float>{numbers}, value);
  }
  return samples;
}

/// How a checkpoint for a test is made.
struct Training {
  std::int64_t classes = 4;
  std::string shape = "[8, 8, 1]", dtype = "u8";
  std::string transforms =
      R"([{"scale": {"factor": "0.0625"}}, {"shift": {"pixels": "1"}}, "normalize"])";
  std::string layers =
      R"(["flatten", {"dense": {"units": "24"}}, "batch_norm", "relu", {"dropout": {"rate": "0.1"}},
      {"dense": {"units": "4", "name": "logits"}}])";
  std::string class_names = "[]";
  std::uint64_t steps = 40;
  gpu::nn::OptimizerSpec optimizer{gpu::nn::Adam{}, {}};

  /// A checkpoint's config, with pixels' measured mean and deviation.
  std::string config() const {
    return R"({"data": {}, "preprocess": {"transforms": )" + transforms + R"(}, "model": )" +
           layers + R"(, "train": {"optimizer": "adam"}, "evaluate": {"top_k": 2},
           "prepared": {"shape": )" +
           shape + R"(, "dtype": ")" + dtype + R"(", "classes": )" + std::to_string(classes) +
           R"(, "measured": {"mean": [0.3], "deviation": [0.37]}, "class_names": )" + class_names +
           "}}";
  }
};

inline Training digits_training() {
  Training training;
  training.classes = 10;
  training.layers =
      R"(["flatten", {"dense": {"units": "48"}}, "batch_norm", "relu", {"dense": {"units": "10"}}])";
  training.transforms = R"([{"scale": {"factor": "0.0625"}}, "normalize"])";
  training.steps = 200;
  return training;
}

inline Training values_training() {
  Training training;
  training.classes = 0;
  training.shape = "[64]";
  training.dtype = "f32";
  training.transforms = "[]";
  training.layers = R"([{"dense": {"units": "1"}}])";
  training.steps = 150;
  return training;
}

/// Trains on `samples` and writes the checkpoint.
inline void train(const Training& training, const Samples& samples, const std::string& folder) {
  using namespace gpu;
  std::vector<actors::SpecProblem> problems;
  actors::PreparedFacts facts;
  facts.shape = training.shape == "[64]" ? Shape{64} : Shape{8, 8, 1};
  facts.dtype = training.dtype == "u8" ? DType::u8 : DType::f32;
  facts.mean = {0.3};
  facts.deviation = {0.37};
  auto transforms = actors::SpecReader::parse(training.transforms, problems);
  const TransformChain chain{actors::evaluation_transforms(transforms.named_items(), facts),
                             facts.shape, facts.dtype};
  auto layers = actors::SpecReader::parse(training.layers, problems);
  const nn::Graph graph{actors::read_model(layers, chain.out_shape(), training.classes)};
  REQUIRE(problems.empty());

  const auto device = make_cpu_device();
  nn::JobSpec spec;
  spec.seed = 3;
  spec.batch = 64;
  spec.optimizer = training.optimizer;
  spec.schedule.rate = 0.01;
  nn::LocalJob job{graph, *device, spec};
  TransformScratch scratch;
  const std::size_t in = samples.sample_bytes();
  const std::size_t out = static_cast<std::size_t>(chain.out_shape().elements()) * sizeof(float);
  for (std::uint64_t step = 0; step < training.steps; ++step) {
    job.step([&](PositionRange positions, std::span<std::byte* const> inputs) {
      for (std::uint64_t p = positions.first; p < positions.last; ++p) {
        const std::uint64_t i = sample_index(spec.seed, p, samples.size()),
                            at = p - positions.first;
        chain.apply(std::span{samples.features}.subspan(i * in, in), 0, 0,
                    {inputs[0] + at * out, out}, scratch);
        std::memcpy(inputs[1] + at * 4, samples.labels.data() + i * 4, 4);
      }
    });
  }
  serialization::TrainingRecord record;
  record.config = training.config();
  record.step = job.next_step();
  record.seed = spec.seed;
  const serialization::SlotTensors tensors{job.layout(), job.state()};
  serialization::write_checkpoint(posix_files(), folder, record, tensors.views());
}

}  // namespace troupe::test
