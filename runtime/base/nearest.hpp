#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// The fewest insertions, deletions and substitutions that make one of the other (Levenshtein 1966).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The known word with the smallest edit distance from `word`, or empty where none is near enough to be meant. For
/// "unknown key 'unitz', did you mean 'units'?"
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

/// " (did you mean 'units'?)", or nothing.
std::string suggestion(std::string_view word, std::span<const std::string_view> known);

}  // namespace troupe
