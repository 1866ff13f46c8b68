#include "runtime/config/problems.hpp"

#include <algorithm>
#include <cstdint>

#include "runtime/base/nearest.hpp"
#include "runtime/parameters.hpp"

namespace troupe::runtime {

std::string to_string(const Problem& problem) {
  std::string where = problem.file;
  if (problem.line > 0)
    where += ":" + std::to_string(problem.line) + ":" + std::to_string(problem.column);
  return where + ": " + problem.what;
}

namespace config {
namespace {

constexpr std::size_t most_problems = 100;
// Names are short and few; the bounds keep the search quick for those that are not.
constexpr std::size_t longest_hint = 32;
constexpr std::size_t most_candidates = 1000;

}  // namespace

std::string Problems::nearest(std::string_view name,
                              const std::vector<std::string_view>& candidates) {
  if (hints_left_ == 0 || name.size() > longest_hint) return "";
  --hints_left_;
  std::size_t smallest = 2 + name.size() / 3;  // further off is no likeness
  std::string_view best;
  for (std::size_t i = 0; i < std::min(candidates.size(), most_candidates); ++i) {
    const std::string_view candidate = candidates[i];
    if (candidate.size() > longest_hint || candidate == name) continue;
    const std::size_t distance = edit_distance(name, candidate);
    if (distance >= smallest || distance >= candidate.size()) continue;
    smallest = distance;
    best = candidate;
  }
  return best.empty() ? "" : "; did you mean '" + std::string{best} + "'?";
}

std::vector<Problem> Problems::sorted(const std::string& file,
                                      const std::vector<Override>& overrides) const {
  auto all = found_;
  std::ranges::stable_sort(all, {}, &std::pair<Mark, std::string>::first);
  all.erase(std::unique(all.begin(), all.end()), all.end());
  std::vector<Problem> result;
  for (const auto& [mark, what] : all) {
    if (result.size() == most_problems) {
      result.push_back(
          {file, 0, 0, "and " + std::to_string(all.size() - most_problems) + " more problems"});
      break;
    }
    if (mark.source == 0) {
      result.push_back({file, mark.line, mark.column, what});
    } else {
      const Override& given = overrides[mark.source - 1];
      result.push_back({"--set " + given.path + "=" + given.value, 0, 0, what});
    }
  }
  return result;
}

std::string shown(std::string_view text) {
  constexpr std::size_t longest = 60;
  if (text.size() <= longest) return to_string(ParameterValue{std::string{text}});
  std::size_t end = longest;
  while (end > 0 && (static_cast<std::uint8_t>(text[end]) & 0xC0U) == 0x80U) --end;
  return to_string(ParameterValue{std::string{text.substr(0, end)} + "..."});
}

std::string shown(const Node& node) {
  switch (node.kind) {
    case Node::Kind::nothing:
      return "nothing";
    case Node::Kind::scalar:
      return shown(node.text);
    case Node::Kind::list:
      return "a list";
    case Node::Kind::map:
      return "a map";
  }
  return "unknown";
}

bool is_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<std::uint8_t>(text[i]) : std::uint8_t{0};
  };
  for (std::size_t i = 0; i < text.size();) {
    const std::uint8_t lead = byte(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4) return false;
    const std::uint8_t second = byte(i + 1);
    // Neither longer than need be, nor half of a surrogate pair, nor past the last code point.
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
        (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F))
      return false;
    for (std::size_t k = 1; k < length; ++k)
      if ((byte(i + k) & 0xC0U) != 0x80U) return false;
    i += length;
  }
  return true;
}

}  // namespace config
}  // namespace troupe::runtime
