#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "actors/loader/data_spec.hpp"
#include "actors/loader/raw_source.hpp"
#include "actors/loader/record_layout.hpp"
#include "gpu/transform/moments.hpp"
#include "serialization/xxh3.hpp"

namespace troupe::actors {

struct RawPart;

/// The raw files of a data section, open, with the way they are cleaned. Immutable; for any threads.
class RawData {
 public:
  /// @throws Error as open_source(), or bad_input if the test files do not fit those to train on.
  RawData(DataSpec data, PreprocessSpec preprocess);

  const DataSpec& data() const { return data_; }
  const PreprocessSpec& preprocess() const { return preprocess_; }
  const RecordLayout& layout() const { return layout_; }
  bool has_test() const { return test_ != nullptr; }
  const RawSource& source(bool test) const { return test ? *test_ : *train_; }
  std::uint32_t extras() const { return static_cast<std::uint32_t>(extra_.size()); }
  /// @param extra  from 1 to extras()
  const RawSource& extra(std::uint32_t extra) const { return *extra_.at(extra - 1); }
  /// What a part is of; it must be there.
  const RawSource& source(const RawPart& part) const;
  /// In all files.
  std::uint64_t records() const;

 private:
  DataSpec data_;
  PreprocessSpec preprocess_;
  std::unique_ptr<RawSource> train_, test_;
  std::vector<std::unique_ptr<RawSource>> extra_;
  RecordLayout layout_;
};

/// A part of a source: raw records [index * 4096, (index + 1) * 4096), as far as there are any (JOB-7).
struct RawPart {
  static constexpr std::uint64_t records = gpu::Moments::part_records;

  bool test = false;  ///< of the test files
  std::uint32_t index = 0;
  std::uint32_t extra = 0;  ///< of that extra file, from 1; 0: of none

  bool operator==(const RawPart&) const = default;
};

/// How many parts `records` make up.
constexpr std::uint32_t parts_of(std::uint64_t records) {
  return static_cast<std::uint32_t>((records + RawPart::records - 1) / RawPart::records);
}
/// All parts: of the training files, the test files, the extra files. So that what is held back does not depend on
/// extra records, these come last. @throws Error bad_input for more than 2^32 of them.
std::vector<RawPart> raw_parts(const RawData& raw);

/// Of each feature: how many numbers a part has, and their sum.
struct ColumnSums {
  std::vector<std::uint64_t> counts;
  std::vector<double> sums;
};
ColumnSums measure_columns(const RawData& raw, RawPart part);
/// What stands in for a missing number of each column; 0 for a column without any number.
/// @param parts of the training files, in order; merged by the canonical tree.
std::vector<float> column_means(std::span<const ColumnSums> parts);

/// A record that was left out.
struct Rejection {
  std::uint64_t record = 0;  ///< its number in the source, from 0
  std::uint64_t line = 0;    ///< of a text file, from 1; else 0
  Reason reason = Reason::missing;
  std::string detail = {};

  bool operator==(const Rejection&) const = default;
};

/// What the map over raw parts gives.
struct CleanedPart {
  RawPart part;
  std::uint32_t raw = 0;                          ///< records that were looked at
  std::vector<std::byte> records;                 ///< those that were kept, by RecordLayout
  std::vector<serialization::Xxh3Digest> hashes;  ///< of each of them: equal bytes, equal hash
  std::vector<std::uint64_t> numbers;             ///< of each of them, in its source
  std::vector<Rejection> rejections;              ///< in order of their numbers
};

/// Reads and cleans one part: a pure function of the files and the spec.
/// @param means of each feature, where the spec replaces what is missing by them; else unused.
/// @throws Error bad_input if there is no such part.
CleanedPart clean_part(const RawData& raw, RawPart part, std::span<const float> means);

}  // namespace troupe::actors
