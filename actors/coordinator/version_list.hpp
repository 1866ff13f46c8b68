#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "actors/coordinator/saved_version.hpp"
#include "runtime/base/file.hpp"

namespace troupe::actors {

/// A saved version that was given a number, to be served under it.
struct NumberedVersion {
  std::uint64_t number = 0;  ///< from 1, in the order in which they came; never another one's
  std::string checkpoint, state_hash;
  double at_seconds = 0;  ///< since 1970
  std::vector<std::pair<std::string, double>> metrics;

  bool operator==(const NumberedVersion&) const = default;
};

/// The versions of one served model, and the last order that was carried out, in FOLDER/versions.json. It has one writer
/// at a time; each call reads and writes the file, in one step. Of more than `most` versions the oldest are forgotten.
class VersionList {
 public:
  static constexpr std::size_t most = 1000;

  /// @throws Error corrupted if the file says something else.
  VersionList(FileSystem& files, std::string folder);

  /// The one with that folder and state: it was there, or is there durably when this returns.
  NumberedVersion add(const SavedVersion& saved, double now_seconds);
  const std::vector<NumberedVersion>& versions() const { return versions_; }
  /// The one that is served under that name. @throws Error bad_input if there is none, or not any more.
  const NumberedVersion& version(const std::string& name) const;

  /// The order that was carried out last; empty: none.
  const std::string& done() const { return done_; }
  void set_done(std::string order);

 private:
  void write() const;

  FileSystem& files_;
  const std::string folder_;
  std::vector<NumberedVersion> versions_;
  std::string done_;
};

/// The steps of those checkpoints below `checkpoints` that the list in `folder` names: they may be served again.
/// @param folder  ""; there is no list. @throws Error as VersionList does.
std::vector<std::uint64_t> listed_steps(FileSystem& files, const std::string& folder,
                                        const std::string& checkpoints);

}  // namespace troupe::actors
