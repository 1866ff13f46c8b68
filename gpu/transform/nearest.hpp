#pragma once

#include <span>
#include <string_view>

namespace troupe::gpu {

/// The one of `known`, which is not empty, that takes the fewest insertions, deletions and
/// replacements of a character to reach `name`; the first of equals.
/// Source: Wagner, Fischer, "The String-to-String Correction Problem", JACM 21(1), 1974.
std::string_view nearest(std::string_view name, std::span<const std::string_view> known);

}  // namespace troupe::gpu
