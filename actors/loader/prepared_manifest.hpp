#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/job/spec_reader.hpp"
#include "actors/loader/raw_source.hpp"
#include "actors/loader/record_layout.hpp"
#include "gpu/transform/transform.hpp"

namespace troupe::actors {

enum class Split : std::uint8_t { train, validation, test };
constexpr std::size_t split_count = 3;
constexpr std::array<Split, split_count> all_splits{Split::train, Split::validation, Split::test};
/// "train", "validation", "test".
std::string_view to_string(Split split);

/// `manifest.json` of prepared data: what it is, where it came from, and how to know that it is whole.
struct PreparedManifest {
  struct File {
    std::uint64_t size_bytes = 0;
    std::string hash;  ///< XXH3-128, in hexadecimal
  };

  RecordLayout layout;
  std::vector<std::string> class_names;
  std::array<std::uint64_t, split_count> counts{};
  std::vector<std::uint64_t> class_counts;  ///< of the training split
  gpu::Normalize measured;                  ///< mean 0 and deviation 1 if the spec measures none
  std::string data, preprocess;             ///< the sections, as JSON
  std::uint64_t seed = 0;
  std::uint64_t raw_train = 0, raw_test = 0, raw_extra = 0;  ///< records in the files
  std::array<std::uint64_t, reason_count> rejected{};        ///< by Reason, from 1
  std::string fingerprint;  ///< SHA-256 of the contents, in hexadecimal
  std::array<File, split_count> records;
  File quarantine;
};

/// What a model must know of the data that it was trained with, also once that is gone: a checkpoint's "prepared".
struct PreparedSummary {
  RecordLayout layout;
  gpu::Normalize measured;
  std::vector<std::string> class_names;
};
/// As one JSON text: shape, dtype, classes, measured: {mean, deviation}, class_names.
std::string prepared_json(const PreparedManifest& manifest);
/// Reads that; scalars may be texts.
PreparedSummary read_prepared(SpecReader& reader);

std::string encode_prepared_manifest(const PreparedManifest& manifest);
/// @throws Error corrupted, beginning with `where`, for text that is not byte by byte what was encoded, unsupported for
/// another format number.
PreparedManifest decode_prepared_manifest(std::span<const std::byte> bytes,
                                          const std::string& where);

}  // namespace troupe::actors
