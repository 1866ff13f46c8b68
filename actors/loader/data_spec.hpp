#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "actors/job/spec_reader.hpp"
#include "actors/loader/data_format.hpp"
#include "gpu/shape.hpp"
#include "gpu/transform/transform.hpp"

namespace troupe::actors {

/// Where records are: idx has two files, csv one, and an application's own format says how they are opened.
struct DataFiles {
  std::string features = {};  ///< idx: the samples; csv: the table
  std::string labels = {};    ///< idx alone
  OpenRecords open = {};      ///< of an application's own format alone
};

/// The `data` section: which public files are read, and how.
///
///     format   idx | csv | one of the application's own (data_format.hpp)
///     train    idx: {features: FILE, labels: FILE}, csv: {file: FILE}, plain or gzip; own: what the format takes
///     test     the same, optional: a set that is held back
///     extra    [FILE, …], optional: more records to train on, none of which is held back. csv without a header, whatever
///              `format` is: the features as they are prepared, then the label (what feedback's snapshots are)
///     header, separator, label   of csv: whether the first row names the columns (true), one character
///              (","), and the label's column: its name, its number from 0, or `last`
///     shape    of one sample; default: the file's own. Samples of two dimensions get a third one, the
///              channel of a grey image: 28x28 -> [28, 28, 1]
///     classes  labels are whole numbers below it; 0: any numbers, a regression
///     class_names  as many as there are classes, which they then imply
struct DataSpec {
  enum class Format : std::uint8_t { idx, csv, own };
  struct LastColumn {};
  using LabelColumn = std::variant<LastColumn, std::size_t, std::string>;

  Format format = Format::idx;
  DataFiles train;
  std::optional<DataFiles> test;
  std::vector<std::string> extra;
  bool header = true;
  char separator = ',';
  LabelColumn label = LastColumn{};
  gpu::Shape shape;  ///< rank 0: the file's own
  std::int64_t classes = 0;
  std::vector<std::string> class_names;
  std::string base;  ///< what relative files were resolved by
  std::string json;  ///< the section as it was read, on one line
};

/// @param base what relative files are relative to; empty: the working folder.
DataSpec read_data_spec(SpecReader& reader, const std::string& base,
                        const DataFormats& formats = {});

/// The `preprocess` section: how records are cleaned, split and transformed.
///
///     missing       drop | zero | mean, of a csv's fields that are empty, '?', 'NA' or 'nan' in any case; mean is
///                   the column's, over the raw training records. A label that is missing always drops the record
///     outliers      {low, high, action: clip | drop}: what is done to features outside of them
///     deduplicate   of records that are equal bit by bit (label too), the first stays
///     max_rejected  share of the raw records, 0 to 1; past it the preparation fails. Duplicates do not count
///     split         {validation, test}: shares of the training files, drawn for each record; test only where the
///                   data has no test files
///     transforms    gpu/transform, in order; `normalize` without values takes those measured in the training
///                   split, after the transforms before it (without the random ones)
struct PreprocessSpec {
  enum class Missing : std::uint8_t { drop, zero, mean };
  struct Outliers {
    double low, high;
    bool clip;
  };

  Missing missing = Missing::drop;
  std::optional<Outliers> outliers;
  bool deduplicate = false;
  double max_rejected = 0.01;
  double validation = 0.1;
  double test = 0;
  std::vector<gpu::Transform> transforms;
  std::optional<std::size_t>
      measured_at;   ///< the index of the transform that is a `normalize` without values
  std::string json;  ///< the section as it was read, on one line
};

/// @param data what is preprocessed: decides whether a test share may be split off.
PreprocessSpec read_preprocess_spec(SpecReader& reader, const DataSpec& data);
/// The same where nothing is known of the data: what depends on it is not checked.
PreprocessSpec read_preprocess_spec(SpecReader& reader);

constexpr std::int64_t most_classes = 1 << 20;
/// Up to 3 dimensions of 1 or more; rank 0 if the key is absent or at fault.
gpu::Shape read_shape(SpecReader& reader, std::string_view key);

/// Both out of their texts. @throws Error bad_input with all problems.
DataSpec parse_data_spec(std::string_view json, const std::string& base,
                         const DataFormats& formats = {});
PreprocessSpec parse_preprocess_spec(std::string_view json, const DataSpec& data);

}  // namespace troupe::actors
