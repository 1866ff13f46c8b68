#include "actors/coordinator/kept_versions.hpp"

#include "runtime/base/error.hpp"
#include "serialization/checkpoint.hpp"

namespace troupe::actors {

namespace {

std::string kept_in(const std::string& folder) {
  return folder + "/versions";
}

bool is_whole(FileSystem& files, const std::string& path, const std::string& state_hash) {
  if (files.kind(path) != PathKind::folder) return false;
  try {
    return serialization::to_hex(serialization::read_checkpoint(files, path).manifest.state_hash) ==
           state_hash;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::exhausted) throw;
    return false;
  }
}

}  // namespace

std::string keep_version(FileSystem& files, const std::string& folder,
                         const NumberedVersion& version) {
  create_folders(files, kept_in(folder));
  const std::string path = kept_in(folder) + '/' + std::to_string(version.number);
  if (is_whole(files, path, version.state_hash)) return path;
  remove_all(files, path);
  const serialization::Checkpoint checkpoint =
      serialization::read_checkpoint(files, version.checkpoint);
  serialization::write_checkpoint(files, path, checkpoint.manifest.record,
                                  checkpoint.state.tensors());
  return path;
}

void forget_versions(FileSystem& files, const std::string& folder,
                     const std::set<std::string>& but) {
  if (files.kind(kept_in(folder)) != PathKind::folder) return;
  for (const std::string& name : files.list(kept_in(folder)))
    if (!but.contains(name)) remove_all(files, kept_in(folder) + '/' + name);
}

}  // namespace troupe::actors
