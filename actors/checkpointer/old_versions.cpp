#include "actors/checkpointer/old_versions.hpp"

#include <algorithm>

#include "runtime/base/error.hpp"
#include "serialization/checkpoint.hpp"

namespace troupe::actors {
namespace {

bool verifies(FileSystem& files, const std::string& folder) {
  try {
    serialization::read_checkpoint(files, folder);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

std::vector<std::uint64_t> old_versions(std::span<const std::uint64_t> saved, std::uint64_t keep,
                                        std::span<const std::uint64_t> needed) {
  std::vector<std::uint64_t> old;
  if (keep == 0 || saved.size() <= keep) return old;
  for (const std::uint64_t step : saved.first(saved.size() - keep))
    if (std::ranges::find(needed, step) == needed.end()) old.push_back(step);
  return old;
}

std::vector<std::uint64_t> remove_old_versions(FileSystem& files, const std::string& folder,
                                               std::uint64_t keep,
                                               std::span<const std::uint64_t> needed) {
  const std::vector<std::uint64_t> saved = serialization::checkpoint_steps(files, folder);
  const std::vector<std::uint64_t> old = old_versions(saved, keep, needed);
  const auto path = [&](std::uint64_t step) {
    return folder + '/' + serialization::checkpoint_name(step);
  };
  if (old.empty() || !verifies(files, path(saved.back()))) return {};
  for (const std::uint64_t step : old) {
    const std::string away = temporary_name(files, path(step));
    files.rename(path(step), away);
    files.sync_folder(folder);
    remove_all(files, away);
  }
  return old;
}

}  // namespace troupe::actors
