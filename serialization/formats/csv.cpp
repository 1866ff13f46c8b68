#include "serialization/formats/csv.hpp"

#include <utility>

#include "runtime/base/error.hpp"
#include "serialization/formats/csv_parser.hpp"

namespace troupe::serialization {

namespace {

constexpr std::size_t buffer_bytes = 64 * 1024;
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

std::size_t mark_bytes(std::string_view text) {
  return text.starts_with(byte_order_mark) ? byte_order_mark.size() : 0;
}

void check_separator(const CsvOptions& options) {
  if (std::string_view{"\"\r\n"}.find(options.separator) == std::string_view::npos) return;
  throw Error{ErrorCode::bad_input, "csv: expected a separator that is no quote and no line end"};
}

std::shared_ptr<const CsvColumns> named_by(const CsvRow& header, const std::string& file) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < header.size(); ++i) names.emplace_back(header[i]);
  return std::make_shared<const CsvColumns>(file, std::move(names));
}

[[noreturn]] void fail_without_header(const std::string& file) {
  throw Error{ErrorCode::bad_input, file + ":1: expected a header line, got an empty file"};
}

}  // namespace

CsvReader::CsvReader(ByteSource source, const CsvOptions& options)
    : source_{std::move(source)},
      buffer_(buffer_bytes),
      columns_{std::make_shared<const CsvColumns>(source_.name(), std::vector<std::string>{})} {
  check_separator(options);
  parser_ = std::make_unique<CsvParser>(columns_, options);
  if (refill()) begin_ = mark_bytes({buffer_.data(), end_});
  if (!options.header) return;
  CsvRow header;
  if (!next(header)) fail_without_header(source_.name());
  columns_ = named_by(header, source_.name());
  parser_->set_columns(columns_);
}

CsvReader::~CsvReader() = default;
CsvReader::CsvReader(CsvReader&&) noexcept = default;
CsvReader& CsvReader::operator=(CsvReader&&) noexcept = default;

bool CsvReader::refill() {
  begin_ = 0;
  end_ = source_.read(std::as_writable_bytes(std::span{buffer_}));
  return end_ > 0;
}

bool CsvReader::next(CsvRow& row) {
  parser_->begin(row);
  while (begin_ < end_ || refill()) {
    begin_ += parser_->feed({buffer_.data() + begin_, end_ - begin_}, row);
    if (parser_->done()) return true;
  }
  return parser_->finish(row);
}

CsvDataset::CsvDataset(const std::string& path, const CsvOptions& options)
    : CsvDataset{Contents{path, options.total_bytes}, options} {}

CsvDataset::CsvDataset(std::span<const std::byte> memory, std::string name,
                       const CsvOptions& options)
    : CsvDataset{Contents{memory, std::move(name), options.total_bytes}, options} {}

CsvDataset::CsvDataset(Contents contents, const CsvOptions& options)
    : options_{options},
      contents_{std::move(contents)},
      columns_{std::make_shared<const CsvColumns>(contents_.name(), std::vector<std::string>{})} {
  check_separator(options);
  CsvParser parser{columns_, options_};
  CsvRow row;
  const std::string_view all = text();
  std::size_t at = mark_bytes(all);
  if (options.header && at == all.size()) fail_without_header(contents_.name());
  bool header = options.header;
  while (at < all.size()) {
    const Start start{at, parser.line()};
    parser.begin(row);
    at += parser.feed(all.substr(at), row);
    if (!parser.done()) parser.finish(row);
    if (header) {
      columns_ = named_by(row, contents_.name());
      parser.set_columns(columns_);
    } else {
      starts_.push_back(start);
    }
    header = false;
  }
}

std::string_view CsvDataset::text() const {
  const std::span<const std::byte> bytes = contents_.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void CsvDataset::read(std::uint64_t i, CsvRow& row) const {
  if (i >= size()) {
    throw Error{ErrorCode::bad_input, contents_.name() + ": expected a row below " +
                                          std::to_string(size()) + ", got " + std::to_string(i)};
  }
  CsvParser parser{columns_, options_, starts_[i].line};
  parser.begin(row);
  parser.feed(text().substr(starts_[i].offset), row);
  if (!parser.done()) parser.finish(row);
}

}  // namespace troupe::serialization
