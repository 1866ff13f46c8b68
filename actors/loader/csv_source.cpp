#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "actors/loader/raw_source.hpp"
#include "runtime/base/error.hpp"
#include "serialization/formats/csv.hpp"
#include "serialization/formats/csv_parser.hpp"

namespace troupe::actors {
namespace {

using namespace serialization;

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") + 1 - first);
}

bool is_missing(std::string_view field) {
  if (field.empty() || field == "?") return true;
  std::string low{field.substr(0, 4)};
  std::ranges::transform(low, low.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return low == "na" || low == "nan";
}

/// The finite number that the whole field is.
std::optional<double> number(std::string_view field) {
  if (field.starts_with('+')) field.remove_prefix(1);
  double value = 0;
  const char* const end = field.data() + field.size();
  const auto [stop, error] = std::from_chars(field.data(), end, value);
  if (error != std::errc{} || stop != end || !std::isfinite(value)) return {};
  return value;
}

std::string shown(std::string_view field) {
  constexpr std::size_t most = 40;
  std::string text{field.substr(0, most)};
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 32) c = ' ';  // a report is of one line a record
  }
  return '"' + text + (field.size() > most ? "...\"" : "\"");
}

/// Rows by number, of whatever width: CsvDataset refuses a whole file for one row that is too short.
class CsvTable {
 public:
  CsvTable(const std::string& path, const CsvOptions& options)
      : options_{options},
        contents_{path, options.total_bytes},
        columns_{std::make_shared<const CsvColumns>(path, std::vector<std::string>{})} {
    const std::string_view all = text();
    std::size_t at = all.starts_with(byte_order_mark) ? byte_order_mark.size() : 0;
    std::uint64_t line = 1;
    bool header = options.header;
    CsvRow row;
    while (at < all.size()) {
      const Start start{at, line};
      CsvParser parser{columns_, options_, line};
      parser.begin(row);
      at += parser.feed(all.substr(at), row);
      if (!parser.done()) parser.finish(row);
      line = parser.line();
      if (width_ == 0) width_ = row.size();
      if (header) {
        std::vector<std::string> names;
        for (std::size_t i = 0; i < row.size(); ++i) names.emplace_back(trimmed(row[i]));
        columns_ = std::make_shared<const CsvColumns>(path, std::move(names));
      } else {
        starts_.push_back(start);
      }
      header = false;
    }
  }

  std::uint64_t size() const { return starts_.size(); }
  std::size_t width() const { return width_; }
  const CsvColumns& columns() const { return *columns_; }
  void read(std::uint64_t i, CsvRow& row) const {
    const Start& start = starts_.at(i);
    CsvParser parser{columns_, options_, start.line};
    parser.begin(row);
    parser.feed(text().substr(start.offset), row);
    if (!parser.done()) parser.finish(row);
  }

 private:
  struct Start {
    std::size_t offset;
    std::uint64_t line;
  };
  std::string_view text() const {
    const std::span<const std::byte> bytes = contents_.bytes();
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  CsvOptions options_;
  Contents contents_;
  std::shared_ptr<const CsvColumns> columns_;
  std::size_t width_ = 0;
  std::vector<Start> starts_;
};

std::size_t label_column(const DataSpec& spec, const CsvTable& table, const std::string& file) {
  if (table.width() < 2) {
    throw Error{ErrorCode::bad_input,
                file + ": expected 2 columns or more, got " + std::to_string(table.width())};
  }
  if (const auto* const name = std::get_if<std::string>(&spec.label)) {
    return table.columns().column(*name);
  }
  if (const auto* const index = std::get_if<std::size_t>(&spec.label)) {
    if (*index < table.width()) return *index;
    throw Error{ErrorCode::bad_input, file + ": expected a label column below " +
                                          std::to_string(table.width()) + ", got " +
                                          std::to_string(*index)};
  }
  return table.width() - 1;
}

CsvOptions options_of(const DataSpec& spec) {
  CsvOptions options;
  options.header = spec.header;
  options.separator = spec.separator;
  return options;
}

class CsvSource final : public RawSource {
 public:
  CsvSource(const DataSpec& spec, const DataFiles& files, gpu::DType dtype = gpu::DType::f32)
      : file_{files.features},
        dtype_{dtype},
        table_{file_, options_of(spec)},
        label_{label_column(spec, table_, file_)},
        shape_{sample_shape(spec, {static_cast<std::int64_t>(table_.width()) - 1}, file_)} {}

  std::uint64_t size() const override { return table_.size(); }
  const gpu::Shape& shape() const override { return shape_; }
  gpu::DType dtype() const override { return dtype_; }
  const std::string& name() const override { return file_; }

  void read(std::uint64_t i, RawRecord& record) const override {
    CsvRow row;
    table_.read(i, row);
    record.missing.clear();
    record.rejected.reset();
    record.line = row.line();
    record.features.assign(table_.width() - 1, 0);
    if (row.size() != table_.width()) {
      record.rejected = Reason::wrong_width;
      record.detail = "expected " + std::to_string(table_.width()) + " fields, got " +
                      std::to_string(row.size());
      return;
    }
    for (std::size_t column = 0; column < row.size() && !record.rejected; ++column) {
      take(column, trimmed(row[column]), record);
    }
  }

 private:
  void take(std::size_t column, std::string_view field, RawRecord& record) const {
    const bool is_label = column == label_;
    const std::size_t feature = column - (column > label_ ? 1 : 0);
    if (is_missing(field) && !is_label) {
      record.missing.push_back(static_cast<std::uint32_t>(feature));
      return;
    }
    const std::optional<double> value = number(field);
    if (!value || !std::isfinite(static_cast<float>(*value))) {
      record.rejected = is_label ? Reason::bad_label : Reason::not_a_number;
      record.detail =
          table_.columns().describe(column) + ": expected a number, got " + shown(field);
    } else if (is_label) {
      record.label = *value;
    } else if (dtype_ == gpu::DType::u8 &&
               !(*value >= 0 && *value <= 255 && *value == std::floor(*value))) {
      record.rejected = Reason::not_a_number;
      record.detail = table_.columns().describe(column) +
                      ": expected a whole number from 0 to 255, got " + shown(field);
    } else {
      record.features[feature] = static_cast<float>(*value);
    }
  }

  std::string file_;
  gpu::DType dtype_;
  CsvTable table_;
  std::size_t label_;
  gpu::Shape shape_;
};

}  // namespace

std::unique_ptr<RawSource> open_csv(const DataSpec& spec, const DataFiles& files) {
  return std::make_unique<CsvSource>(spec, files);
}

std::unique_ptr<RawSource> open_extra(const std::string& file, const gpu::Shape& shape,
                                      gpu::DType dtype) {
  DataSpec spec;
  spec.header = false;
  spec.shape = shape;
  return std::make_unique<CsvSource>(spec, DataFiles{file, {}}, dtype);
}

}  // namespace troupe::actors
