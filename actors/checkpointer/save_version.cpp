#include "actors/checkpointer/save_version.hpp"

#include <utility>

#include "runtime/base/error.hpp"
#include "serialization/checkpoint.hpp"
#include "serialization/model_state.hpp"

namespace troupe::actors {

using namespace serialization;

namespace {

void move_away(FileSystem& files, const std::string& folder) {
  for (int number = 0;; ++number) {
    const std::string name = folder + ".broken-" + std::to_string(number);
    if (files.kind(name) != PathKind::none) continue;
    files.rename(folder, name);
    files.sync_folder(parent_folder(folder));
    return;
  }
}

}  // namespace

SavedCheckpoint save_version(FileSystem& files, const TrainingJob& job,
                             const VersionSlots::Held& version, const std::string& parent,
                             TrainingRecord record) {
  record.step = version.version();
  create_folders(files, parent);
  const std::string folder = parent + '/' + checkpoint_name(record.step);
  const Sha256Digest hash = state_hash(job.layout(), version.state(), record.step);
  if (files.kind(folder) != PathKind::none) {
    try {
      if (read_checkpoint(files, folder).manifest.state_hash == hash) return {folder, to_hex(hash)};
    } catch (const Error& error) {
      if (error.code() == ErrorCode::exhausted) throw;
    }
    move_away(files, folder);
  }
  const SlotTensors tensors{job.layout(), version.state()};
  write_checkpoint(files, folder, record, tensors.views());
  return {folder, to_hex(hash)};
}

}  // namespace troupe::actors
