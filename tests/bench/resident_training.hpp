#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "actors/job/training_job.hpp"
#include "actors/trainer/resident_job.hpp"
#include "actors/trainer/shard_runner.hpp"
#include "gpu/device.hpp"
#include "gpu/nn/model.hpp"

namespace troupe::bench {

/// A job whose steps are timed.
struct StepCase {
  std::string name;
  gpu::nn::ModelDescription model;  ///< as gpu/nn/models.hpp has them
  std::int64_t classes, batch;
  std::uint64_t samples;
  std::string
      train;  ///< members of its section "train", as JSON, beside what all cases have in common
};

/// Steps of a whole job as a trainer that is alone makes them: versions stay on the device, and every 256 steps or second
/// one is copied to the host, by another thread. The samples are of 8 bits a value, drawn once, and scaled in the device's
/// memory where it makes batches; where it does not, two batches that were made before go there step by step.
class ResidentTraining {
 public:
  /// @param train  of all cases: members of the section "train", as JSON
  /// @throws Error as the job's plan does; exhausted.
  ResidentTraining(const StepCase& of, gpu::Device& device, const std::string& train);
  ~ResidentTraining();
  ResidentTraining(const ResidentTraining&) = delete;
  ResidentTraining& operator=(const ResidentTraining&) = delete;

  const actors::TrainingJob& job() const { return *job_; }
  bool has_data_on_device() const { return resident_->has_data(); }
  /// Enqueues steps. Blocks where a trainer would.
  void advance(std::size_t steps);
  /// Blocks until all of them are done. @throws Error bad_input if one was not finite.
  void finish() { resident_->check(); }
  /// Seconds of the host's to enqueue a step, while the device has so little to do that nothing blocks.
  double enqueue_seconds();

 private:
  struct Records;

  void put_on_device();
  void make_batches();
  /// How many steps may follow until the next snapshot.
  std::size_t room() const;
  void save();
  void save_if_due();
  void wait_for_saved();

  std::shared_ptr<const actors::TrainingJob> job_;
  gpu::Device& device_;
  std::shared_ptr<const Records> records_;
  std::unique_ptr<actors::ShardRunner> runner_;
  std::unique_ptr<actors::ResidentJob> resident_;
  std::vector<std::shared_ptr<gpu::Storage>> batch_memory_;
  std::vector<actors::ShardInputs> batches_;
  std::shared_ptr<gpu::Storage> saved_;
  std::uint64_t saved_version_ = 0;
  std::chrono::steady_clock::time_point saved_at_;
  std::future<void> saving_;
};

}  // namespace troupe::bench
