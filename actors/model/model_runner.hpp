#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "actors/model/saved_model.hpp"
#include "gpu/device.hpp"
#include "gpu/nn/plan.hpp"

namespace troupe::actors {

/// A saved model ready to predict on a device, always so many rows at once: fewer are padded with zeros, so that a row's
/// prediction does not depend on how many are asked for. Made and used on one thread (JOB-6).
class ModelRunner {
 public:
  /// `device` outlives it. @throws Error bad_input for rows < 1, and as Plan does.
  ModelRunner(std::shared_ptr<const SavedModel> model, gpu::Device& device, std::int64_t rows,
              int threads = 1);

  /// Where the features of the rows are to be written, f32, behind the transforms: [rows, …].
  std::span<float> features() { return features_; }
  /// What the model predicts of the first `count` rows: [count, outputs], logits or values. Valid until the next run.
  /// @throws Error bad_input for a count beyond `rows`.
  std::span<const float> run(std::int64_t count);

  std::int64_t rows() const { return rows_; }
  const SavedModel& model() const { return *model_; }

 private:
  std::shared_ptr<const SavedModel> model_;
  std::int64_t rows_;
  gpu::nn::Plan plan_;
  std::unique_ptr<gpu::Stream> stream_;
  std::shared_ptr<gpu::Storage> state_, sums_, step_, staging_;
  std::vector<std::shared_ptr<gpu::Storage>> inputs_;
  std::vector<gpu::BatchRing> rings_;
  std::span<float> features_;
  std::vector<float> predictions_;
};

}  // namespace troupe::actors
