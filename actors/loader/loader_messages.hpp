#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "actors/loader/clean_part.hpp"
#include "actors/loader/measure_part.hpp"
#include "runtime/base/file.hpp"
#include "runtime/base/positions.hpp"
#include "serialization/frame.hpp"
#include "serialization/xxh3.hpp"

// What is said to loaders and by them (serialization/schema/data.capnp) as plain types. What reads a frame throws
// serialization::MalformedFrame for one that does not hold what it says.
namespace troupe::actors {

using serialization::Frame;

/// The sections that each question about raw data brings along.
struct SectionTexts {
  std::string data, base, preprocess;

  static SectionTexts of(const DataSpec& data, const PreprocessSpec& preprocess) {
    return {data.json, data.base, preprocess.json};
  }
  bool operator==(const SectionTexts&) const = default;
};

struct MeasureColumnsQuestion {
  SectionTexts sections;
  RawPart part;
};
Frame to_frame(const MeasureColumnsQuestion& question);
MeasureColumnsQuestion read_measure_columns(const Frame& frame);
Frame column_sums_frame(RawPart part, const ColumnSums& sums);
ColumnSums read_column_sums(const Frame& frame);

struct PreparePartQuestion {
  SectionTexts sections;
  RawPart part;
  std::string folder;
  std::vector<float> means;
};
Frame to_frame(const PreparePartQuestion& question);
PreparePartQuestion read_prepare_part(const Frame& frame);

/// A cleaned part that lies in a file.
struct PreparedPartFile {
  RawPart part;
  std::string file;
  serialization::Xxh3Digest digest{};
  std::uint32_t kept = 0, rejected = 0;
};
Frame to_frame(const PreparedPartFile& prepared);
PreparedPartFile read_prepared_part(const Frame& frame);

/// Writes a part into `folder`, in one step; a second copy takes the place of the first, which it equals.
PreparedPartFile write_part(FileSystem& files, const std::string& folder, const CleanedPart& part);
/// @throws Error corrupted, naming the file, if it is not what was written.
CleanedPart read_part(FileSystem& files, const PreparedPartFile& prepared);

struct MeasurePartQuestion {
  SectionTexts sections;
  std::string file;
  std::uint32_t index = 0;
  RecordLayout layout;
};
Frame to_frame(const MeasurePartQuestion& question);
MeasurePartQuestion read_measure_part(const Frame& frame);
Frame measured_part_frame(std::uint32_t index, const MeasuredPart& part);
MeasuredPart read_measured_part(const Frame& frame);

struct OpenDataQuestion {
  std::string folder;
  std::string preprocess;  ///< the section, as JSON
  std::uint64_t seed = 0;
};
Frame to_frame(const OpenDataQuestion& question);
OpenDataQuestion read_open_data(const Frame& frame);

struct OpenedData {
  std::string fingerprint;
  std::uint64_t samples = 0;
  bool plain = false;  ///< its batches are those of BatchMaker
};
Frame to_frame(const OpenedData& opened);
OpenedData read_opened_data(const Frame& frame);

Frame load_shard_frame(PositionRange positions);
PositionRange read_load_shard(const Frame& frame);

/// The answer's payloads are the inputs of the model: 0 features, 1 labels.
struct LoadedShard {
  PositionRange positions;
  serialization::Xxh3Digest digest{};
};
LoadedShard read_loaded_shard(const Frame& frame);

}  // namespace troupe::actors
