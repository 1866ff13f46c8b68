#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/config.hpp"
#include "runtime/registry.hpp"

namespace troupe::runtime {
namespace {

constexpr std::size_t columns = 100;

/// Words up to the last column, further lines indented; the first continues what `line` has. Nothing is cut.
std::string wrapped(std::string line, std::string_view text, std::size_t indent) {
  std::string result;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (line.size() > indent && line.back() != ' ') line += ' ';
    if (line.size() + word.size() > columns && line.size() > indent) {
      line.erase(line.find_last_not_of(' ') + 1);
      result += line + '\n';
      line = std::string(indent, ' ');
    }
    line += word;
  }
  return result + line + '\n';
}

std::string bound(const ParameterSchema& schema, double value) {
  if (schema.type != ParameterType::duration) return to_string(ParameterValue{value});
  return to_string(
      ParameterValue{std::chrono::duration_cast<Duration>(std::chrono::duration<double>{value})});
}

std::string facts(const ParameterSchema& schema) {
  std::string text{to_string(schema.type)};
  if (!schema.unit.empty()) text += " in " + schema.unit;
  text += schema.default_value ? ", default " + to_string(*schema.default_value) : ", required";
  if (schema.minimum && schema.maximum)
    text += ", " + bound(schema, *schema.minimum) + " to " + bound(schema, *schema.maximum);
  else if (schema.minimum)
    text += ", at least " + bound(schema, *schema.minimum);
  else if (schema.maximum)
    text += ", at most " + bound(schema, *schema.maximum);
  for (std::size_t i = 0; i < schema.choices.size(); ++i)
    text += (i == 0 ? ", one of " : " | ") + schema.choices[i];
  return text + (schema.belongs_to == BelongsTo::job ? ", job" : ", run");
}

}  // namespace

std::string describe_types(const Registry& registry) {
  std::string result;
  for (const auto& [name, type] : registry.types()) {
    if (!result.empty()) result += '\n';
    result += wrapped(name + " (" + type.origin + "):", type.help, 2);
    std::size_t widest = 0;
    for (const ParameterSchema& schema : type.parameters)
      widest = std::max(widest, schema.name.size());
    const std::size_t indent = std::min<std::size_t>(widest, 24) + 4;
    for (const ParameterSchema& schema : type.parameters) {
      std::string head = "  " + schema.name + "  ";
      head.resize(std::max(head.size(), indent), ' ');
      result += wrapped(head, facts(schema), indent);
      if (!schema.help.empty()) result += wrapped(std::string(indent, ' '), schema.help, indent);
    }
  }
  return result;
}

}  // namespace troupe::runtime
