#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// The known word with the fewest insertions, deletions and substitutions from `word` (Levenshtein 1966), or
/// empty where none is near enough to be meant. For "unknown key 'unitz', did you mean 'units'?"
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

/// " (did you mean 'units'?)", or nothing.
std::string suggestion(std::string_view word, std::span<const std::string_view> known);

}  // namespace troupe
