#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "serialization/formats/csv.hpp"
#include "serialization/formats/csv_row.hpp"

namespace troupe::serialization {

/// The syntax of CSV, a state machine over chunks of any size.
class CsvParser {
 public:
  CsvParser(std::shared_ptr<const CsvColumns> columns, const CsvOptions& options,
            std::uint64_t line = 1);

  /// From now on rows carry these columns.
  void set_columns(std::shared_ptr<const CsvColumns> columns) { columns_ = std::move(columns); }
  std::uint64_t line() const { return line_; }

  /// Makes `row` empty, for a row that starts at the current line.
  void begin(CsvRow& row);
  /// Adds to the row that was begun, up to its end; returns how many bytes of `chunk` it took.
  std::size_t feed(std::string_view chunk, CsvRow& row);
  /// Whether the row's end has been seen.
  bool done() const { return state_ == State::done; }
  /// Ends the row with the input; false if not a byte of it was there.
  bool finish(CsvRow& row);

 private:
  enum class State { row_start, field_start, plain, quoted, quote, carriage_return, done };

  void take(char byte, CsvRow& row);
  void append(std::string_view piece, CsvRow& row);
  void end_field(CsvRow& row) const;
  void end_row(CsvRow& row);
  [[noreturn]] void fail(const CsvRow& row, const std::string& expected,
                         const std::string& got) const;

  std::shared_ptr<const CsvColumns> columns_;
  CsvOptions options_;
  std::size_t fields_ = 0;  // of each row; 0 before the first
  std::uint64_t line_;
  State state_ = State::row_start;
};

}  // namespace troupe::serialization
