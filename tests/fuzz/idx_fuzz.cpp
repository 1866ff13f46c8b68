#include "serialization/formats/idx.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <vector>

#include "runtime/base/error.hpp"

using namespace troupe::serialization;

namespace {
constexpr IdxLimits limits{.record_bytes = 1 << 16, .total_bytes = 1 << 20};

std::optional<IdxDataset> open(std::span<const std::byte> file) try {
  return IdxDataset{file, "fuzz", limits};
} catch (const troupe::Error&) {
  return std::nullopt;
}

/// The streaming reader must accept what the data set accepts, and give the same records.
void compare(std::span<const std::byte> file, const IdxDataset& data) {
  IdxReader reader{ByteSource{file, "fuzz"}, limits};
  std::vector<std::byte> record(reader.header().record_bytes);
  std::uint64_t count = 0;
  while (reader.next(record)) {
    if (!std::ranges::equal(record, data.record(count++))) std::abort();
  }
  if (count != data.size()) std::abort();
}

void stream(std::span<const std::byte> file) try {
  IdxReader reader{ByteSource{file, "fuzz"}, limits};
  std::vector<std::byte> record(reader.header().record_bytes);
  std::uint64_t bytes = 0;
  while (bytes < limits.total_bytes && reader.next(record)) bytes += record.size();
  // Read to its end, so that the data set had to take it too, unless only the header is too much.
  if (bytes + 64 < limits.total_bytes) std::abort();
} catch (const troupe::Error&) {
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = std::as_bytes(std::span{data, size});
  if (const auto dataset = open(file)) {
    compare(file, *dataset);
  } else {
    stream(file);
  }
  return 0;
}
