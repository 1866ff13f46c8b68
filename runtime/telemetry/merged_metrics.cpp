#include "runtime/telemetry/merged_metrics.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <map>

namespace troupe::runtime {
namespace {

struct Family {
  std::string head;  // its help and type
  std::string samples;
};

std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

// name{labels} value, or name value: with one label more.
std::string labelled(std::string_view sample, const std::string& label) {
  if (label.empty()) return std::string{sample};
  const std::size_t end = sample.find_first_of("{ ");
  std::string out{sample.substr(0, end)};
  const bool has_labels = sample[end] == '{';
  out += '{' + label + (has_labels ? "," : "}");
  return out.append(sample.substr(has_labels ? end + 1 : end));
}

// Behind its name: {a="…",b="…"}, or nothing; without the label that is about to be added.
bool are_labels(std::string_view text) {
  if (text.empty()) return true;
  if (text.front() != '{') return false;
  std::size_t at = 1;
  while (at < text.size() && text[at] != '}') {
    const std::size_t equals = text.find("=\"", at);
    if (equals == std::string_view::npos || text.substr(at, equals - at) == "process") return false;
    for (at = equals + 2; at < text.size() && text[at] != '"'; ++at)
      if (text[at] == '\\') ++at;
    if (++at < text.size() && text[at] == ',') ++at;
  }
  return at + 1 == text.size();
}

bool is_value(const std::string& text) {
  char* end = nullptr;
  std::strtod(text.c_str(), &end);
  return !text.empty() && end == text.c_str() + text.size();
}

bool is_sample(std::string_view line, std::string_view family) {
  if (!line.starts_with(family)) return false;
  line.remove_prefix(family.size());
  for (const std::string_view part : {"_bucket", "_sum", "_count"}) {
    if (!line.starts_with(part)) continue;
    line.remove_prefix(part.size());
    break;
  }
  const std::size_t space = line.rfind(' ');
  return space != std::string_view::npos && are_labels(line.substr(0, space)) &&
         is_value(std::string{line.substr(space + 1)});
}

void add(std::map<std::string, Family, std::less<>>& families, const LabelledMetrics& part) {
  const std::string label =
      part.process.empty() ? std::string{} : "process=\"" + escaped(part.process) + '"';
  Family* family = nullptr;
  std::string_view name;  // its
  bool heads = false;  // the family's help and type are this part's to write
  std::string_view rest = part.text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    constexpr std::string_view help = "# HELP ", type = "# TYPE ";
    if (line.starts_with(help)) {
      name = line.substr(help.size(), line.find(' ', help.size()) - help.size());
      family = &families.try_emplace(std::string{name}).first->second;
      heads = family->head.empty();
    }
    if (!family || line.empty()) continue;
    if (line.starts_with(help) || line.starts_with(type)) {
      if (heads) family->head.append(line) += '\n';
    } else if (is_sample(line, name)) {
      family->samples += labelled(line, label) + '\n';
    }
  }
}

}  // namespace

std::string merged_metrics(const std::vector<LabelledMetrics>& parts) {
  std::map<std::string, Family, std::less<>> families;
  for (const LabelledMetrics& part : parts) add(families, part);
  std::string out;
  for (const auto& [name, family] : families) out += family.head + family.samples;
  return out;
}

}  // namespace troupe::runtime
