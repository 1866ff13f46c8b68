#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "actors/loader/prepared_manifest.hpp"
#include "runtime/base/file.hpp"

namespace troupe::actors {

// Prepared data is a folder that only ever appears whole:
//
//     manifest.json        PreparedManifest
//     train.records        cleaned records by RecordLayout, one behind the other
//     validation.records   the same
//     test.records         the same
//     quarantine.csv       file,record,line,reason,detail of what was left out

std::string records_path(const std::string& folder, Split split);
std::string manifest_path(const std::string& folder);
std::string quarantine_path(const std::string& folder);

/// Prepared data, open: its records are mapped. Immutable, cheap to copy, and safe to read from any thread.
class PreparedData {
 public:
  /// Verifies all of it. @throws Error naming the file: bad_input if one is missing, unsupported if the format is
  /// newer, corrupted if anything differs from what was written.
  static PreparedData open(FileSystem& files, const std::string& folder);

  std::uint64_t size(Split split) const {
    return manifest_.counts[static_cast<std::size_t>(split)];
  }
  /// Features and label as they are stored. @throws Error bad_input if there is no record `i`; so do the next two.
  std::span<const std::byte> record(Split split, std::uint64_t i) const;
  std::span<const std::byte> features(Split split, std::uint64_t i) const;
  /// The four bytes of an i32, or of an f32 where there are no classes.
  std::uint32_t label_bits(Split split, std::uint64_t i) const;

  const RecordLayout& layout() const { return manifest_.layout; }
  const gpu::Shape& shape() const { return manifest_.layout.shape; }
  gpu::DType dtype() const { return manifest_.layout.dtype; }
  std::int64_t classes() const { return manifest_.layout.classes; }
  const std::string& fingerprint() const { return manifest_.fingerprint; }
  const gpu::Normalize& measured() const { return manifest_.measured; }
  /// Of the training split.
  std::span<const std::uint64_t> class_counts() const { return manifest_.class_counts; }
  const PreparedManifest& manifest() const { return manifest_; }
  const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
  PreparedManifest manifest_;
  std::array<FileBytes, split_count> records_;
};

}  // namespace troupe::actors
