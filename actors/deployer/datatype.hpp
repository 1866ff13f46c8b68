#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::actors {

/// The Open Inference Protocol's types of elements that can be served.
enum class Datatype : std::uint8_t { bool_, uint8, int32, int64, fp32, fp64 };

std::optional<Datatype> find_datatype(std::string_view name);
std::string_view to_string(Datatype type);
std::size_t size_bytes(Datatype type);
bool is_floating(Datatype type);

/// The least and the greatest whole number of a type that is not floating.
struct WholeRange {
  std::int64_t least, most;
};
WholeRange whole_range(Datatype type);

/// Writes one element, which lies at `at` in no particular alignment. False, and nothing is written, if the type
/// has no such value: it is out of range, not finite, or not whole where whole numbers are wanted.
bool store(Datatype type, std::byte* at, std::int64_t value);
bool store(Datatype type, std::byte* at, double value);

/// Converts one element of `from` to `to` under the same rule.
bool convert(Datatype from, const std::byte* source, Datatype to, std::byte* at);

/// A shape's elements; none if a dimension is negative or there are more than `limit`.
std::optional<std::size_t> elements_of(const std::vector<std::int64_t>& shape, std::size_t limit);

/// "[3,-1]".
std::string shape_text(const std::vector<std::int64_t>& shape);

}  // namespace troupe::actors
