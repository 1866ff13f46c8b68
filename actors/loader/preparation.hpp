#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "actors/loader/clean_part.hpp"
#include "actors/loader/measure_part.hpp"
#include "actors/loader/prepared_manifest.hpp"
#include "runtime/base/file.hpp"
#include "serialization/sha256.hpp"

namespace troupe::actors {

// Data is prepared as map-reduces over parts of fixed record ranges, so that the result is one function of files,
// spec and seed, whoever maps which part, and when:
//
//     measure_columns   each training part, merged by the tree      only for `missing: mean`
//     clean_part        each raw part, reduced in order by Preparation::add
//     measure_part      each part of the training split, merged by the tree

/// The folder's name that files, sections and seed give: hashes all of the files' bytes, or of an application's own format
/// all that its records hold, so that nothing is taken for what it was before.
std::string prepared_name(const DataSpec& data, const PreprocessSpec& preprocess,
                          std::uint64_t seed);

/// The reduce: takes cleaned parts in order, drops duplicates, splits, and writes the folder of prepared data, first
/// under a temporary name. Holds no records, but where duplicates are dropped a hash of each. Not thread-safe.
class Preparation {
 public:
  /// @param folder where the data will be, unless another process that prepares the same puts it there first.
  /// @throws Error as the file system does.
  Preparation(FileSystem& files, const RawData& raw, std::uint64_t seed, std::string folder);
  /// Removes what is not finished.
  ~Preparation();
  Preparation(const Preparation&) = delete;
  Preparation& operator=(const Preparation&) = delete;

  /// Where parts may be written meanwhile; it is gone at the end.
  const std::string& parts_folder() const { return parts_folder_; }

  /// The next part in the order of raw_parts().
  /// @throws Error bad_input for another one, or as soon as too many records were rejected.
  void add(const CleanedPart& part);
  /// Closes the files of records, which then are as they will be. @throws Error bad_input if parts are missing or
  /// no record is left to train on.
  void close_records();
  /// The training split, to be measured.
  std::string training_file() const;
  std::uint64_t training_records() const { return counts_[0]; }
  /// Writes the manifest, syncs, and gives the folder its name. `measured` of all parts of the training split, in
  /// order. It lasts when this returns. What another process has put there meanwhile is verified, and stays.
  /// @throws Error corrupted if that does not verify, or is something else.
  void finish(std::span<const MeasuredPart> measured);

 private:
  struct Output;

  void keep(Split split, std::span<const std::byte> record);
  void quarantine(const RawSource& source, const Rejection& rejection);
  void check_rejected() const;
  std::string fingerprint() const;
  void publish();

  struct DigestHash {
    std::size_t operator()(const serialization::Xxh3Digest& digest) const;
  };

  FileSystem& files_;
  const RawData& raw_;
  std::uint64_t seed_;
  std::string folder_, working_, parts_folder_;
  std::vector<RawPart> parts_;
  std::size_t next_ = 0;  // of parts_
  std::array<std::unique_ptr<Output>, split_count> outputs_;
  std::unique_ptr<Output> quarantine_;
  std::array<std::uint64_t, split_count> counts_{};
  std::array<std::uint64_t, reason_count> rejected_{};
  std::string first_rejection_;
  std::unordered_set<serialization::Xxh3Digest, DigestHash> seen_;  // only asked, never walked
  PreparedManifest manifest_;
  bool finished_ = false;
};

/// The split that a raw record belongs to.
Split split_of(const PreprocessSpec& spec, std::uint64_t seed, bool test_file,
               std::uint64_t record);

/// Prepares data here, part after part, unless it was prepared before. `parent` is made if it is not there.
/// @return the folder, in `parent`. @throws Error as RawData, Preparation and PreparedData::open do: corrupted if the
/// folder is there and does not verify; remove it to have it made again.
std::string prepare(FileSystem& files, const DataSpec& data, const PreprocessSpec& preprocess,
                    std::uint64_t seed, const std::string& parent);

}  // namespace troupe::actors
