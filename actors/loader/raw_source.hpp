#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/loader/data_spec.hpp"
#include "gpu/dtype.hpp"
#include "gpu/shape.hpp"

namespace troupe::actors {

/// Why a record is not in the prepared data. The numbers are on the wire; none is reused.
enum class Reason : std::uint8_t {
  missing = 1,       ///< a field is missing, and the spec drops such records
  not_a_number = 2,  ///< a feature is none, or too large for f32
  bad_label = 3,     ///< missing, no number, not whole, or no class
  wrong_width = 4,   ///< a row with more or fewer fields than there are columns
  outlier = 5,       ///< and the spec drops such records
  duplicate = 6      ///< of an earlier record
};
constexpr std::size_t reason_count = 6;
std::string_view to_string(Reason reason);

/// One record as it was read, before it is cleaned. Filled anew for each, which reuses its memory.
struct RawRecord {
  std::vector<float> features;         ///< 0 where one is missing
  std::vector<std::uint32_t> missing;  ///< indices of features, growing
  double label = 0;
  std::uint64_t line = 0;          ///< of a text file, from 1; else 0
  std::optional<Reason> rejected;  ///< what it cannot even be read for; `detail` says more
  std::string detail;
};

/// Records by number: of one or two public files, or of an application's own format. Immutable, and safe to read from any
/// thread. Plain files are mapped (of a csv, 16 bytes a row are held); gzip files lie decompressed in memory.
///
/// What an application's own puts into a record is checked: features as many as the shape has, finite, for u8 whole and
/// from 0 to 255; a record of another size is Error bad_input, other values are left out of the data as `not_a_number`.
class RawSource {
 public:
  virtual ~RawSource() = default;
  virtual std::uint64_t size() const = 0;
  virtual const gpu::Shape& shape() const = 0;
  /// u8 where the file holds bytes; else f32.
  virtual gpu::DType dtype() const { return gpu::DType::f32; }
  /// The file, or what the records are, for reports.
  virtual const std::string& name() const = 0;
  /// @param i below size(). An application's own finds a record with as many features as the shape has, nothing missing, and
  /// nothing rejected: it fills in features and label.
  virtual void read(std::uint64_t i, RawRecord& record) const = 0;
};

/// @throws Error bad_input, corrupted or exhausted for files that cannot be read as such: broken syntax, counts that
/// differ, a label column that is not there, a shape that does not fit, no records.
std::unique_ptr<RawSource> open_idx(const DataSpec& spec, const DataFiles& files);
std::unique_ptr<RawSource> open_csv(const DataSpec& spec, const DataFiles& files);
/// Any format, an application's own too.
std::unique_ptr<RawSource> open_source(const DataSpec& spec, const DataFiles& files);
/// A file of `data.extra`: csv without a header, features of `shape`, then the label. For u8 a feature that is no whole
/// number from 0 to 255 is a reason to reject the record.
std::unique_ptr<RawSource> open_extra(const std::string& file, const gpu::Shape& shape,
                                      gpu::DType dtype);

/// The shape that samples have: that of the spec or else the file's, with a channel if it has two dimensions.
/// @throws Error bad_input if the spec's has other elements than the file's.
gpu::Shape sample_shape(const DataSpec& spec, const gpu::Shape& of_file, const std::string& file);

}  // namespace troupe::actors
