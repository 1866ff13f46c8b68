#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "actors/evaluator/evaluate_spec.hpp"
#include "actors/job/training_job.hpp"
#include "actors/loader/data_format.hpp"
#include "gpu/shape.hpp"
#include "runtime/base/file.hpp"
#include "serialization/manifest.hpp"
#include "serialization/xxh3.hpp"

namespace troupe::runtime {
class Parameters;
}

namespace troupe::actors {

/// A section, or an empty one if there is none ("null").
inline std::string or_empty(const std::string& section) {
  return section == "null" ? "{}" : section;
}

/// The sections of a job as they were given, JSON; "null" for one that is absent.
struct JobSections {
  std::string data, preprocess, model, train, evaluate;
  std::uint64_t seed = 0;
  std::uint64_t number =
      0;  ///< of the job in its run: others train on what was said of the first one's versions
  std::string base;     ///< the folder that relative files are relative to
  DataFormats formats;  ///< of the application's own
};

/// Those of a coordinator's parameters; base and formats are the caller's.
JobSections sections_of(const runtime::Parameters& with);

/// A job whose data is prepared: all that is resolved before step 0.
struct PreparedJob {
  std::string data_folder;
  std::uint64_t training = 0, validation = 0, test = 0;  ///< records
  std::int64_t classes = 0;
  std::string report;  ///< what was done to the data, a line
  std::shared_ptr<const TrainingJob> job;
  EvaluateSpec evaluate;
  /// What a machine makes of it that may compute it (JOB-6). None: that is known from the first trainer, since this process
  /// has not the device that the job wants.
  std::optional<serialization::Xxh3Digest> probe;
  serialization::TrainingRecord record;  ///< what each checkpoint says, but for step and metrics
};

/// Prepares the data, or finds it prepared, and resolves the job. Damaged prepared data is made again.
/// @param cache  where prepared data is kept
/// @throws Error bad_input for sections, files or a model that are wrong.
PreparedJob prepare_job(FileSystem& files, const JobSections& sections, const std::string& cache);

/// Whether a model (its section, JSON) takes shards of so many rows of such features.
/// @throws Error bad_input with all that is wrong.
void check_shards(const std::string& model, const gpu::Shape& features, std::int64_t classes,
                  std::int64_t rows);

}  // namespace troupe::actors
