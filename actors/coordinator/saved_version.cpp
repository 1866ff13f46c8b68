#include "actors/coordinator/saved_version.hpp"

#include <filesystem>

#include "actors/coordinator/job_files.hpp"
#include "runtime/base/error.hpp"
#include "serialization/checkpoint.hpp"

namespace troupe::actors {
namespace {

void add_result(FileSystem& files, const std::string& run, std::uint64_t step,
                SavedVersion& saved) {
  const JobFiles job{files, run};
  if (job.result() && job.result()->step == step) {
    saved.gate_passed = job.result()->gate_passed;
    saved.gate = job.result()->gate;
  }
  const MeasuredVersion* measured = job.find(step, "test");
  if (measured == nullptr) measured = job.find(step, "validation");
  if (measured != nullptr) saved.metrics = measured->metrics;
}

}  // namespace

SavedVersion find_saved_version(FileSystem& files, const std::string& path) {
  namespace fs = std::filesystem;
  fs::path folder = fs::path{path}.lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();  // "run/"
  fs::path run = folder;
  const auto has = [&](const fs::path& file) {
    return files.kind(file.string()) == PathKind::file;
  };
  if (has(folder / "job.json")) {
    const JobFiles job{files, folder.string()};
    if (!job.result())
      throw Error{ErrorCode::bad_input,
                  folder.string() +
                      ": expected a run that has chosen a version, got one that has "
                      "not come to its end; name one of its checkpoints"};
    // The run may have been moved since.
    folder = folder / "checkpoints" / serialization::checkpoint_name(job.result()->step);
  } else {
    run = folder.parent_path().parent_path();
  }
  if (files.kind(folder.string()) != PathKind::folder)
    throw Error{ErrorCode::bad_input,
                folder.string() + ": expected a run folder or a checkpoint, found none"};
  const serialization::Checkpoint checkpoint =
      serialization::read_checkpoint(files, folder.string());
  SavedVersion saved;
  saved.checkpoint = folder.string();
  saved.state_hash = serialization::to_hex(checkpoint.manifest.state_hash);
  if (has(run / "job.json"))
    add_result(files, run.string(), checkpoint.manifest.record.step, saved);
  return saved;
}

}  // namespace troupe::actors
