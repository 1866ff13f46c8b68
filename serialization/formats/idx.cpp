#include "serialization/formats/idx.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <utility>
#include <vector>

#include "runtime/base/error.hpp"

namespace troupe::serialization {

namespace {

constexpr int max_idx_rank = 4;

std::string hex(std::span<const std::byte> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    if (!text.empty()) text += ' ';
    text += digits[std::to_integer<std::size_t>(byte >> 4)];
    text += digits[std::to_integer<std::size_t>(byte & std::byte{15})];
  }
  return text;
}

gpu::DType dtype_of(std::byte code, const std::string& name) {
  switch (std::to_integer<int>(code)) {
    case 0x08:
      return gpu::DType::u8;
    case 0x0c:
      return gpu::DType::i32;
    case 0x0d:
      return gpu::DType::f32;
    case 0x0e:
      return gpu::DType::f64;
    case 0x09:
      throw Error{ErrorCode::unsupported, name + ": expected u8, i32, f32 or f64, got i8"};
    case 0x0b:
      throw Error{ErrorCode::unsupported, name + ": expected u8, i32, f32 or f64, got i16"};
    default:
      break;
  }
  throw Error{ErrorCode::bad_input,
              name + ": expected an IDX element type (08, 09, 0b to 0e), got " + hex({&code, 1})};
}

IdxHeader read_header(ByteSource& source, const IdxLimits& limits) {
  const std::string& name = source.name();
  std::array<std::byte, 4> magic{};
  source.read_exactly(magic, "IDX header");
  const int rank = std::to_integer<int>(magic[3]);
  if (magic[0] != std::byte{0} || magic[1] != std::byte{0} || rank < 1 || rank > max_idx_rank) {
    throw Error{ErrorCode::bad_input,
                name + ": expected an IDX header (00 00, type, rank 1 to 4), got " + hex(magic)};
  }
  IdxHeader header;
  header.dtype = dtype_of(magic[2], name);

  std::array<std::byte, 4 * max_idx_rank> raw{};
  source.read_exactly(std::span{raw}.first(4 * static_cast<std::size_t>(rank)), "IDX header");
  std::vector<std::int64_t> dims;
  for (std::size_t axis = 0; axis < static_cast<std::size_t>(rank); ++axis) {
    std::uint32_t extent = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      extent = extent << 8 | std::to_integer<std::uint32_t>(raw[4 * axis + i]);
    }
    if (axis > 0 && extent == 0) {
      throw Error{
          ErrorCode::bad_input,
          name + ": expected records with elements, got extent 0 in axis " + std::to_string(axis)};
    }
    dims.push_back(extent);
  }
  header.records = static_cast<std::uint64_t>(dims.front());

  const std::uint64_t most_elements =
      std::min<std::uint64_t>(limits.record_bytes, std::numeric_limits<std::int64_t>::max()) /
      size_bytes(header.dtype);
  std::uint64_t elements = 1;
  for (const std::int64_t dim : std::span{dims}.subspan(1)) {
    const auto extent = static_cast<std::uint64_t>(dim);
    if (elements > most_elements / extent) {
      throw Error{ErrorCode::bad_input, name + ": expected records of at most " +
                                            std::to_string(limits.record_bytes) +
                                            " bytes, got larger extents"};
    }
    elements *= extent;
  }
  header.record_shape = gpu::Shape{std::span<const std::int64_t>{dims}.subspan(1)};
  header.record_bytes = elements * size_bytes(header.dtype);
  if (header.records > std::numeric_limits<std::uint64_t>::max() / header.record_bytes) {
    throw Error{ErrorCode::bad_input, name + ": expected fewer than 2^64 bytes, got " +
                                          std::to_string(header.records) + " records of " +
                                          std::to_string(header.record_bytes)};
  }
  return header;
}

std::string record_name(std::uint64_t i, const IdxHeader& header) {
  return "record " + std::to_string(i) + " of " + std::to_string(header.records);
}

/// From the file's big-endian elements to the machine's.
void to_native(std::span<std::byte> bytes, gpu::DType dtype) {
  const std::size_t width = size_bytes(dtype);
  if (width == 1 || std::endian::native == std::endian::big) return;
  for (auto at = bytes.begin(); at != bytes.end(); at += static_cast<std::ptrdiff_t>(width)) {
    std::reverse(at, at + static_cast<std::ptrdiff_t>(width));
  }
}

}  // namespace

IdxReader::IdxReader(ByteSource source, IdxLimits limits)
    : source_{std::move(source)}, header_{read_header(source_, limits)} {}

bool IdxReader::next(std::span<std::byte> record) {
  if (record.size() != header_.record_bytes) {
    throw Error{ErrorCode::bug, name() + ": expected room for a record of " +
                                    std::to_string(header_.record_bytes) + " bytes, got " +
                                    std::to_string(record.size())};
  }
  if (next_ == header_.records) {
    std::byte more{};
    if (source_.read({&more, 1}) == 0) return false;
    throw Error{ErrorCode::bad_input, name() + ": expected the end of the file after " +
                                          std::to_string(header_.records) +
                                          " records, got more bytes"};
  }
  source_.read_exactly(record, record_name(next_, header_));
  to_native(record, header_.dtype);
  ++next_;
  return true;
}

IdxDataset::IdxDataset(const std::string& path, IdxLimits limits)
    : IdxDataset{Contents{path, limits.total_bytes}, limits} {}

IdxDataset::IdxDataset(std::span<const std::byte> memory, std::string name, IdxLimits limits)
    : IdxDataset{Contents{memory, std::move(name), limits.total_bytes}, limits} {}

IdxDataset::IdxDataset(Contents contents, IdxLimits limits) : contents_{std::move(contents)} {
  const std::span<const std::byte> all = contents_.bytes();
  if (starts_gzip(all)) {
    throw Error{ErrorCode::bad_input,
                name() + ": expected an IDX file inside gzip, got gzip again"};
  }
  ByteSource source{all, name()};
  header_ = read_header(source, limits);
  records_ = all.subspan(source.offset());
  const std::uint64_t expected = header_.records * header_.record_bytes;
  if (records_.size() < expected) {
    throw Error{ErrorCode::bad_input,
                name() + ": " + record_name(records_.size() / header_.record_bytes, header_) +
                    ": expected " + std::to_string(header_.record_bytes) + " bytes, got " +
                    std::to_string(records_.size() % header_.record_bytes) +
                    " and the end of the file"};
  }
  if (records_.size() > expected) {
    throw Error{ErrorCode::bad_input,
                name() + ": expected the end of the file after " + std::to_string(header_.records) +
                    " records, got " + std::to_string(records_.size() - expected) + " more bytes"};
  }
  if (size_bytes(header_.dtype) == 1) return;
  if (expected > limits.total_bytes) {
    throw Error{ErrorCode::exhausted, name() + ": expected at most " +
                                          std::to_string(limits.total_bytes) +
                                          " bytes in memory, got " + std::to_string(expected)};
  }
  auto swapped = std::make_shared<std::vector<std::byte>>(records_.begin(), records_.end());
  to_native(*swapped, header_.dtype);
  records_ = *swapped;
  swapped_ = std::move(swapped);
  contents_ = Contents{{}, name(), limits.total_bytes};
}

std::span<const std::byte> IdxDataset::record(std::uint64_t i) const {
  if (i >= header_.records) {
    throw Error{ErrorCode::bad_input, name() + ": expected a record below " +
                                          std::to_string(header_.records) + ", got " +
                                          std::to_string(i)};
  }
  return records_.subspan(i * header_.record_bytes, header_.record_bytes);
}

void check_paired(const IdxDataset& records, const IdxDataset& labels) {
  if (records.size() == labels.size()) return;
  throw Error{ErrorCode::bad_input, labels.name() + ": expected " + std::to_string(records.size()) +
                                        " labels, as " + records.name() + " has records, got " +
                                        std::to_string(labels.size())};
}

}  // namespace troupe::serialization
