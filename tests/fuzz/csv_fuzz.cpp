#include "serialization/formats/csv.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>

#include "runtime/base/error.hpp"

using namespace troupe::serialization;

namespace {

constexpr std::uint64_t total_bytes = 1 << 16;

CsvOptions options(bool header) {
  return {.header = header,
          .field_bytes = 512,
          .row_bytes = 2048,
          .columns = 64,
          .total_bytes = total_bytes};
}

std::optional<CsvDataset> open(std::span<const std::byte> file, bool header) try {
  return CsvDataset{file, "fuzz", options(header)};
} catch (const troupe::Error&) {
  return std::nullopt;
}

void parse_numbers(const CsvRow& row, std::size_t column) try {
  if (row.i64(column).has_value() != !row[column].empty()) std::abort();
  row.f32(column);
  row.f64(column);
} catch (const troupe::Error&) {
}

/// The streaming reader must accept what the data set accepts, and give the same rows.
void compare(std::span<const std::byte> file, const CsvDataset& data, bool header) {
  CsvReader reader{ByteSource{file, "fuzz"}, options(header)};
  CsvRow row;
  CsvRow by_index;
  std::uint64_t count = 0;
  while (reader.next(row)) {
    data.read(count++, by_index);
    if (row.size() != by_index.size() || row.line() != by_index.line()) std::abort();
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (row[i] != by_index[i]) std::abort();
      parse_numbers(row, i);
    }
  }
  if (count != data.size()) std::abort();
}

void stream(std::span<const std::byte> file, bool header) try {
  ByteSource source{file, "fuzz"};
  CsvReader reader{std::move(source), options(header)};
  CsvRow row;
  std::uint64_t rows = 0;
  while (rows < total_bytes && reader.next(row)) ++rows;
} catch (const troupe::Error&) {
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = std::as_bytes(std::span{data, size});
  for (const bool header : {false, true}) {
    if (const auto dataset = open(file, header)) {
      compare(file, *dataset, header);
    } else {
      stream(file, header);
    }
  }
  return 0;
}
