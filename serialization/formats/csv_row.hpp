#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::serialization {

/// The names of a CSV file's columns, which count from 0.
class CsvColumns {
 public:
  /// @throws Error bad_input if a name stands twice. No names: a file without a header line.
  CsvColumns(std::string file, std::vector<std::string> names);

  const std::string& file() const { return file_; }
  const std::vector<std::string>& names() const { return names_; }
  std::optional<std::size_t> find_column(std::string_view name) const;
  /// @throws Error bad_input that lists the names there are.
  std::size_t column(std::string_view name) const;
  /// As in "column 'rating'", or "column 2" without a header.
  std::string describe(std::size_t column) const;

 private:
  std::string file_;
  std::vector<std::string> names_;
};

/// One row of a CSV file. Filled anew for each row, which reuses its memory: what fields() and
/// operator[] gave is valid until then. A field is missing if it is empty, quoted or not.
///
/// Errors name file, line of the row's start, and column.
class CsvRow {
 public:
  std::size_t size() const { return ends_.size(); }
  /// Where the row starts; lines count from 1.
  std::uint64_t line() const { return line_; }
  /// The field without its quotes. @throws Error bad_input if there is no such column.
  std::string_view operator[](std::size_t column) const;

  /// The number that the whole field is, in decimal notation without blanks; nothing for a missing one.
  /// @throws Error bad_input for other text, for what the type cannot hold, and for inf and nan.
  std::optional<float> f32(std::size_t column) const;
  std::optional<double> f64(std::size_t column) const;
  std::optional<std::int64_t> i64(std::size_t column) const;

 private:
  friend class CsvParser;
  template <typename Number>
  std::optional<Number> number(std::size_t column, std::string_view kind) const;

  std::shared_ptr<const CsvColumns> columns_;
  std::string text_;               // the fields behind each other
  std::vector<std::size_t> ends_;  // of each field in text_
  std::uint64_t line_ = 0;
};

}  // namespace troupe::serialization
