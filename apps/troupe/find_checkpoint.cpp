#include "apps/troupe/find_checkpoint.hpp"

#include "actors/coordinator/job_files.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "serialization/checkpoint.hpp"

namespace troupe::apps {

std::string find_checkpoint(const std::string& path) {
  FileSystem& files = posix_files();
  if (files.kind(path + "/manifest") == PathKind::file) return path;
  const std::string checkpoints = path + "/checkpoints";
  if (files.kind(checkpoints) != PathKind::folder)
    throw Error{ErrorCode::bad_input,
                path + ": expected the folder of a checkpoint or of a run, got neither"};
  // By its name, not by its path: the run's folder may have been moved.
  const actors::JobFiles job{files, path};
  if (job.result()) return checkpoints + '/' + serialization::checkpoint_name(job.result()->step);
  const serialization::FoundCheckpoint found =
      serialization::find_newest_checkpoint(files, checkpoints);
  if (!found.checkpoint)
    throw Error{ErrorCode::bad_input,
                checkpoints + ": expected a checkpoint that verifies, found none"};
  return checkpoints + '/' + found.name;
}

}  // namespace troupe::apps
