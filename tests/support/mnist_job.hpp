#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "gpu/device.hpp"
#include "gpu/nn/graph.hpp"
#include "gpu/nn/local_job.hpp"
#include "gpu/nn/state_layout.hpp"
#include "tests/support/mnist.hpp"

namespace troupe::test {

/// MNIST as batches of a job: pixels scaled and normalised, and labels as i32. With `augment`, images are shifted by
/// up to a pixel and turned by up to 8 degrees, anew in each epoch.
class MnistBatches {
 public:
  MnistBatches(const MnistPart& part, std::uint64_t seed, bool augment);
  ~MnistBatches();
  MnistBatches(const MnistBatches&) = delete;
  MnistBatches& operator=(const MnistBatches&) = delete;

  /// Positions of a job in shuffled order (JOB-1), for one thread at a time; lives as long as this object.
  gpu::nn::BatchSource source();
  /// Rows first, first + 1, … of the part as it lies, for evaluation; rows past the end are left as they are.
  void rows(std::uint64_t first, std::span<std::byte* const> inputs, std::uint64_t count);
  std::uint64_t size() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Share of rows whose largest prediction is the label, by a plan of `batch` rows in evaluation mode.
double accuracy(const gpu::nn::Graph& graph, const gpu::nn::StateLayout& layout,
                gpu::Device& device, std::span<const std::byte> state, MnistBatches& data,
                std::int64_t batch = 500);

}  // namespace troupe::test
