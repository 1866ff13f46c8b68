#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "serialization/formats/byte_source.hpp"
#include "serialization/formats/contents.hpp"
#include "serialization/formats/csv_row.hpp"

namespace troupe::serialization {

class CsvParser;

/// How a CSV file is written, and what its reader accepts before it calls it absurd.
struct CsvOptions {
  bool header = true;  ///< the first row names the columns
  char separator = ',';
  std::size_t field_bytes = std::size_t{1} << 20;
  std::size_t row_bytes = std::size_t{1}
                          << 24;  ///< all fields of a row, without quotes and separators
  std::size_t columns = 16'384;
  std::uint64_t total_bytes = std::uint64_t{1} << 34;  ///< what CsvDataset decompresses into memory
};

/// Reads the rows of a CSV file (RFC 4180), plain or gzip, one after another: rows end in \n or \r\n,
/// the last one may end with the file; fields in quotes may hold separators, line ends and doubled
/// quotes; a byte order mark is skipped; other bytes pass through as they are. An empty line is a row
/// of one empty field. Not thread-safe.
///
/// @throws Error bad_input (corrupted for broken gzip) naming file and line of the row's start: a row
/// with more or fewer fields than the first, an unterminated quote, a quote inside an unquoted field,
/// text after a closing quote, a lone \r, a limit passed, a header that is missing.
class CsvReader {
 public:
  explicit CsvReader(ByteSource source, const CsvOptions& options = {});
  ~CsvReader();
  CsvReader(CsvReader&&) noexcept;
  CsvReader& operator=(CsvReader&&) noexcept;

  const CsvColumns& columns() const { return *columns_; }
  /// False after the last row.
  bool next(CsvRow& row);

 private:
  bool refill();

  ByteSource source_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // of what is not yet parsed in the buffer
  std::size_t end_ = 0;
  std::unique_ptr<CsvParser> parser_;
  std::shared_ptr<const CsvColumns> columns_;
};

/// The rows of a CSV file by index, which one pass builds: it checks the syntax of every row. Holds 16
/// bytes a row, and the text where the file is gzip. Safe to use from any thread.
class CsvDataset {
 public:
  /// @throws as CsvReader, and Error exhausted past `options.total_bytes`.
  explicit CsvDataset(const std::string& path, const CsvOptions& options = {});
  /// The same out of memory, which the caller keeps; `name` stands in errors.
  CsvDataset(std::span<const std::byte> memory, std::string name, const CsvOptions& options = {});

  /// The number of rows, without the header.
  std::uint64_t size() const { return starts_.size(); }
  const CsvColumns& columns() const { return *columns_; }
  /// Fills `row`. @throws Error bad_input if there is no row `i`.
  void read(std::uint64_t i, CsvRow& row) const;

 private:
  struct Start {
    std::uint64_t offset;
    std::uint64_t line;
  };
  CsvDataset(Contents contents, const CsvOptions& options);
  std::string_view text() const;

  CsvOptions options_;
  Contents contents_;
  std::shared_ptr<const CsvColumns> columns_;
  std::vector<Start> starts_;
};

}  // namespace troupe::serialization
