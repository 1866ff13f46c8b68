#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "actors/job/train_spec.hpp"
#include "gpu/nn/graph.hpp"
#include "gpu/nn/local_job.hpp"
#include "gpu/nn/model.hpp"
#include "gpu/nn/state_layout.hpp"
#include "gpu/shape.hpp"

namespace troupe::actors {

/// A training job as all who compute parts of it see it: what fixes its bits, resolved. Immutable.
///
/// Its text is what the coordinator hands out, JSON with "seed", "samples" (N), "features" (the shape that enters the
/// model), "classes", the sections "model" and "train", and perhaps "input": how records become features.
class TrainingJob {
 public:
  /// @throws Error bad_input with all that is wrong.
  explicit TrainingJob(std::string_view json);

  const std::string& text() const { return text_; }
  /// A number that names the job: of its text, never 0.
  std::uint64_t id() const { return id_; }
  /// {"prepared": what a checkpoint keeps of the data, "preprocess": the section}; empty: the text does not say.
  const std::string& input() const { return input_; }
  std::int64_t classes() const { return classes_; }
  const gpu::nn::Graph& graph() const { return graph_; }
  const gpu::nn::StateLayout& layout() const { return layout_; }
  const gpu::nn::JobSpec& spec() const { return spec_; }
  const TrainSpec& train() const { return train_; }
  std::uint64_t samples() const { return samples_; }
  std::uint64_t steps() const { return steps_; }
  std::uint32_t shards() const { return spec_.shards; }
  std::uint32_t shard_rows() const {
    return static_cast<std::uint32_t>(spec_.batch / spec_.shards);
  }
  /// The position of a shard's first row (JOB-1).
  std::uint64_t first_position(std::uint64_t step, std::uint32_t shard) const {
    return step * static_cast<std::uint64_t>(spec_.batch) + std::uint64_t{shard} * shard_rows();
  }

 private:
  struct Parsed;
  explicit TrainingJob(Parsed parsed);

  std::string text_, input_;
  std::int64_t classes_;
  std::uint64_t id_;
  std::uint64_t samples_;
  TrainSpec train_;
  gpu::nn::JobSpec spec_;
  gpu::nn::Graph graph_;
  gpu::nn::StateLayout layout_;
  std::uint64_t steps_;
};

/// The text of a job. `model` and `train` are JSON.
std::string training_job_text(std::uint64_t seed, std::uint64_t samples, const gpu::Shape& features,
                              std::int64_t classes, std::string_view model, std::string_view train);

}  // namespace troupe::actors
