#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "gpu/dtype.hpp"
#include "gpu/shape.hpp"
#include "serialization/formats/byte_source.hpp"
#include "serialization/formats/contents.hpp"

namespace troupe::serialization {

/// What an IDX reader accepts before it calls a file absurd.
struct IdxLimits {
  std::uint64_t record_bytes = std::uint64_t{1} << 30;  ///< one record
  std::uint64_t total_bytes = std::uint64_t{1} << 36;   ///< all that IdxDataset holds in memory
};

/// The head of an IDX file, the format of MNIST: two zero bytes, a type, the rank (here 1 to 4), then
/// the extents as big-endian u32, the number of records first. Types u8, i32, f32 and f64 are read; i8
/// and i16 are refused by name, as no tensor holds them.
struct IdxHeader {
  std::uint64_t records = 0;
  gpu::Shape record_shape;  ///< rank 0 where a record is one number
  gpu::DType dtype = gpu::DType::u8;
  std::size_t record_bytes = 0;
};

/// Reads the records of an IDX file, plain or gzip, one after another. Not thread-safe.
/// @throws Error bad_input (corrupted for broken gzip) that names file, record, expectation and what came.
class IdxReader {
 public:
  explicit IdxReader(ByteSource source, IdxLimits limits = {});

  const IdxHeader& header() const { return header_; }
  const std::string& name() const { return source_.name(); }
  /// Puts the next record into `record`, in the machine's byte order; false after the last, when the
  /// file has been seen to end there. `record` has exactly `header().record_bytes`.
  bool next(std::span<std::byte> record);

 private:
  ByteSource source_;
  IdxHeader header_;
  std::uint64_t next_ = 0;
};

/// The records of an IDX file by index. u8 files that are not compressed are mapped, others lie in
/// memory. Immutable and safe to read from any thread; copies share the bytes.
class IdxDataset {
 public:
  /// Checks the whole file's size. @throws as IdxReader, and Error exhausted past `limits.total_bytes`.
  explicit IdxDataset(const std::string& path, IdxLimits limits = {});
  /// The same out of memory, which the caller keeps; `name` stands in errors.
  IdxDataset(std::span<const std::byte> memory, std::string name, IdxLimits limits = {});

  std::uint64_t size() const { return header_.records; }
  const gpu::Shape& record_shape() const { return header_.record_shape; }
  gpu::DType dtype() const { return header_.dtype; }
  const std::string& name() const { return contents_.name(); }

  /// Row-major elements in the machine's byte order. @throws Error bad_input if there is no record `i`.
  std::span<const std::byte> record(std::uint64_t i) const;

 private:
  IdxDataset(Contents contents, IdxLimits limits);

  Contents contents_;
  IdxHeader header_;
  std::shared_ptr<const void> swapped_;  // the records in our byte order, where the file's differs
  std::span<const std::byte> records_;
};

/// For images and their labels. @throws Error bad_input that names both files, if the counts differ.
void check_paired(const IdxDataset& records, const IdxDataset& labels);

}  // namespace troupe::serialization
