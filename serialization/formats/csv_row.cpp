#include "serialization/formats/csv_row.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>
#include <type_traits>
#include <utility>

#include "runtime/base/error.hpp"

namespace troupe::serialization {

namespace {
/// In quotes, and short: a field may be a whole page.
std::string shown(std::string_view text) {
  constexpr std::size_t most = 40;
  std::string quoted{'"'};
  quoted += text.substr(0, most);
  return quoted + (text.size() > most ? "\"..." : "\"");
}
}  // namespace

CsvColumns::CsvColumns(std::string file, std::vector<std::string> names)
    : file_{std::move(file)}, names_{std::move(names)} {
  std::vector<std::string_view> sorted{names_.begin(), names_.end()};
  std::ranges::sort(sorted);
  const auto twice = std::ranges::adjacent_find(sorted);
  if (twice == sorted.end()) return;
  throw Error{ErrorCode::bad_input,
              file_ + ":1: expected columns of different names, got " + shown(*twice) + " twice"};
}

std::optional<std::size_t> CsvColumns::find_column(std::string_view name) const {
  const auto found = std::ranges::find(names_, name);
  if (found == names_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names_.begin());
}

std::size_t CsvColumns::column(std::string_view name) const {
  if (const auto found = find_column(name)) return *found;
  constexpr std::size_t most = 20;
  std::string known = names_.empty() ? "a column index, as there is no header" : "a column of";
  for (std::size_t i = 0; i < std::min(names_.size(), most); ++i) known += ' ' + shown(names_[i]);
  if (names_.size() > most) known += " ...";
  throw Error{ErrorCode::bad_input, file_ + ": expected " + known + ", got " + shown(name)};
}

std::string CsvColumns::describe(std::size_t column) const {
  if (column >= names_.size()) return "column " + std::to_string(column);
  return "column '" + names_[column] + "'";
}

std::string_view CsvRow::operator[](std::size_t column) const {
  if (column >= size()) {
    const std::string where =
        columns_ ? columns_->file() + ":" + std::to_string(line_) + ": " : "an unread row: ";
    throw Error{ErrorCode::bad_input, where + "expected a column below " + std::to_string(size()) +
                                          ", got " + std::to_string(column)};
  }
  const std::size_t begin = column == 0 ? 0 : ends_[column - 1];
  return std::string_view{text_}.substr(begin, ends_[column] - begin);
}

template <typename Number>
std::optional<Number> CsvRow::number(std::size_t column, std::string_view kind) const {
  const std::string_view text = (*this)[column];
  if (text.empty()) return std::nullopt;
  Number value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool sound = problem == std::errc{} && end == text.data() + text.size();
  if constexpr (std::is_floating_point_v<Number>) sound = sound && std::isfinite(value);
  if (sound) return value;
  throw Error{ErrorCode::bad_input, columns_->file() + ":" + std::to_string(line_) + ": " +
                                        columns_->describe(column) + ": expected " +
                                        std::string{kind} + ", got " + shown(text)};
}

std::optional<float> CsvRow::f32(std::size_t column) const {
  return number<float>(column, "a number (f32)");
}
std::optional<double> CsvRow::f64(std::size_t column) const {
  return number<double>(column, "a number (f64)");
}
std::optional<std::int64_t> CsvRow::i64(std::size_t column) const {
  return number<std::int64_t>(column, "a whole number (i64)");
}

}  // namespace troupe::serialization
