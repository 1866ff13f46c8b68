#include "serialization/formats/csv_parser.hpp"

#include <algorithm>
#include <utility>

#include "runtime/base/error.hpp"

namespace troupe::serialization {

CsvParser::CsvParser(std::shared_ptr<const CsvColumns> columns, const CsvOptions& options,
                     std::uint64_t line)
    : columns_{std::move(columns)}, options_{options}, line_{line} {}

void CsvParser::fail(const CsvRow& row, const std::string& expected, const std::string& got) const {
  throw Error{ErrorCode::bad_input, columns_->file() + ":" + std::to_string(row.line_) +
                                        ": expected " + expected + ", got " + got};
}

void CsvParser::begin(CsvRow& row) {
  row.columns_ = columns_;
  row.text_.clear();
  row.ends_.clear();
  row.line_ = line_;
  state_ = State::row_start;
}

std::size_t CsvParser::feed(std::string_view chunk, CsvRow& row) {
  std::size_t at = 0;
  while (at < chunk.size() && !done()) {
    // Runs of ordinary bytes are taken at once; what ends them decides what comes next.
    std::size_t run = 0;
    if (state_ == State::quoted) {
      run = std::min(chunk.find('"', at), chunk.size()) - at;
    } else if (state_ == State::plain) {
      const auto special = [this](char c) {
        return c == options_.separator || c == '\n' || c == '\r' || c == '"';
      };
      const auto from = chunk.begin() + static_cast<std::ptrdiff_t>(at);
      run = static_cast<std::size_t>(std::find_if(from, chunk.end(), special) - from);
    }
    if (run > 0) {
      append(chunk.substr(at, run), row);
      at += run;
    } else {
      take(chunk[at++], row);
    }
  }
  return at;
}

void CsvParser::take(char byte, CsvRow& row) {
  if (state_ == State::quoted) {  // the run before this byte ended at a quote
    state_ = State::quote;
    return;
  }
  if (state_ == State::quote && byte == '"') {
    append("\"", row);
    state_ = State::quoted;
    return;
  }
  if (state_ == State::carriage_return && byte != '\n') {
    fail(row, "\\n after \\r", "another character");
  }
  const bool at_start = state_ == State::row_start || state_ == State::field_start;
  if (byte == options_.separator) {
    end_field(row);
    state_ = State::field_start;
  } else if (byte == '\n') {
    ++line_;
    end_row(row);
  } else if (byte == '\r') {
    state_ = State::carriage_return;
  } else if (byte == '"' && at_start) {
    state_ = State::quoted;
  } else if (byte == '"') {
    fail(row, "quotes around all of a field", "one inside " + columns_->describe(row.size()));
  } else if (state_ == State::quote) {
    fail(row,
         "a separator or a line end after the closing quote of " + columns_->describe(row.size()),
         "another character");
  } else {
    append({&byte, 1}, row);
    state_ = State::plain;
  }
}

bool CsvParser::finish(CsvRow& row) {
  if (state_ == State::row_start) return false;
  if (state_ == State::quoted) {
    fail(row, "a closing quote of " + columns_->describe(row.size()), "the end of the file");
  }
  if (state_ == State::carriage_return) fail(row, "\\n after \\r", "the end of the file");
  end_row(row);
  return true;
}

void CsvParser::append(std::string_view piece, CsvRow& row) {
  const std::size_t begin = row.ends_.empty() ? 0 : row.ends_.back();
  if (piece.size() > options_.field_bytes - (row.text_.size() - begin)) {
    fail(row,
         columns_->describe(row.size()) + " of at most " + std::to_string(options_.field_bytes) +
             " bytes",
         "more");
  }
  if (piece.size() > options_.row_bytes - row.text_.size()) {
    fail(row, "a row of at most " + std::to_string(options_.row_bytes) + " bytes", "more");
  }
  row.text_ += piece;
  if (state_ == State::quoted) {
    line_ += static_cast<std::uint64_t>(std::ranges::count(piece, '\n'));
  }
}

void CsvParser::end_field(CsvRow& row) const {
  if (row.size() == options_.columns) {
    fail(row, "at most " + std::to_string(options_.columns) + " columns", "more");
  }
  row.ends_.push_back(row.text_.size());
}

void CsvParser::end_row(CsvRow& row) {
  end_field(row);
  if (fields_ == 0) fields_ = row.size();
  if (row.size() != fields_) {
    fail(row, std::to_string(fields_) + " fields", std::to_string(row.size()));
  }
  state_ = State::done;
}

}  // namespace troupe::serialization
