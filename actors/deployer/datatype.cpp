#include "actors/deployer/datatype.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "actors/deployer/servable.hpp"
#include "runtime/base/error.hpp"

namespace troupe::actors {
namespace {

struct Row {
  std::string_view name;
  std::size_t bytes;
};
constexpr std::array<Row, 6> table{
    {{"BOOL", 1}, {"UINT8", 1}, {"INT32", 4}, {"INT64", 8}, {"FP32", 4}, {"FP64", 8}}};

template <class T>
T load_as(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <class T>
bool put(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof value);
  return true;
}

std::size_t row_bytes(const std::vector<TensorInfo>& tensors) {
  constexpr std::size_t limit = std::size_t{1} << 30;
  std::size_t bytes = 0;
  for (const TensorInfo& tensor : tensors) {
    const std::optional<Datatype> type = find_datatype(tensor.datatype);
    const std::optional<std::size_t> elements = elements_of(tensor.shape, limit);
    if (!type || !elements)
      throw Error{ErrorCode::bad_input,
                  "servable: " + tensor.name +
                      ": expected a datatype and a shape that can be served, got " +
                      tensor.datatype + " " + shape_text(tensor.shape)};
    bytes += *elements * size_bytes(*type);
  }
  return bytes;
}

}  // namespace

std::size_t input_row_bytes(const ServableInfo& info) {
  return row_bytes(info.inputs);
}

std::size_t output_row_bytes(const ServableInfo& info) {
  return row_bytes(info.outputs);
}

std::optional<Datatype> find_datatype(std::string_view name) {
  for (std::size_t i = 0; i < table.size(); ++i)
    if (table[i].name == name) return static_cast<Datatype>(i);
  return std::nullopt;
}

std::string_view to_string(Datatype type) {
  return table[static_cast<std::size_t>(type)].name;
}

std::size_t size_bytes(Datatype type) {
  return table[static_cast<std::size_t>(type)].bytes;
}

bool is_floating(Datatype type) {
  return type == Datatype::fp32 || type == Datatype::fp64;
}

WholeRange whole_range(Datatype type) {
  switch (type) {
    case Datatype::bool_:
      return {0, 1};
    case Datatype::uint8:
      return {0, 255};
    case Datatype::int32:
      return {std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()};
    default:
      return {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()};
  }
}

bool store(Datatype type, std::byte* at, std::int64_t value) {
  if (type == Datatype::fp32) return put(at, static_cast<float>(value));
  if (type == Datatype::fp64) return put(at, static_cast<double>(value));
  const WholeRange range = whole_range(type);
  if (value < range.least || value > range.most) return false;
  switch (type) {
    case Datatype::int32:
      return put(at, static_cast<std::int32_t>(value));
    case Datatype::int64:
      return put(at, value);
    default:
      return put(at, static_cast<std::uint8_t>(value));
  }
}

bool store(Datatype type, std::byte* at, double value) {
  if (!std::isfinite(value)) return false;
  if (type == Datatype::fp64) return put(at, value);
  if (type == Datatype::fp32) {
    if (std::abs(value) > static_cast<double>(std::numeric_limits<float>::max())) return false;
    return put(at, static_cast<float>(value));
  }
  // 2^63 is the first double past what an int64 holds.
  constexpr double past = 9223372036854775808.0;
  if (value < -past || value >= past) return false;
  const auto whole = static_cast<std::int64_t>(value);
  return static_cast<double>(whole) == value && store(type, at, whole);
}

bool convert(Datatype from, const std::byte* source, Datatype to, std::byte* at) {
  switch (from) {
    case Datatype::bool_: {
      const auto value = load_as<std::uint8_t>(source);
      return value <= 1 && store(to, at, std::int64_t{value});
    }
    case Datatype::uint8:
      return store(to, at, std::int64_t{load_as<std::uint8_t>(source)});
    case Datatype::int32:
      return store(to, at, std::int64_t{load_as<std::int32_t>(source)});
    case Datatype::int64:
      return store(to, at, load_as<std::int64_t>(source));
    case Datatype::fp32:
      return store(to, at, double{load_as<float>(source)});
    case Datatype::fp64:
      return store(to, at, load_as<double>(source));
  }
  return false;
}

std::optional<std::size_t> elements_of(const std::vector<std::int64_t>& shape, std::size_t limit) {
  std::size_t count = 1;
  for (const std::int64_t dimension : shape) {
    if (dimension < 0) return std::nullopt;
    const auto size = static_cast<std::uint64_t>(dimension);
    if (size != 0 && count > limit / size) return std::nullopt;
    count *= size;
  }
  return count <= limit ? std::optional{count} : std::nullopt;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (const std::int64_t dimension : shape)
    text += (text.size() > 1 ? "," : "") + std::to_string(dimension);
  return text + "]";
}

}  // namespace troupe::actors
