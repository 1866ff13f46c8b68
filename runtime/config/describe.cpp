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

/// Of a parameter: "0 to 100", "one of fast | exact", or nothing.
std::string range(const ParameterSchema& schema) {
  if (schema.minimum && schema.maximum)
    return bound(schema, *schema.minimum) + " to " + bound(schema, *schema.maximum);
  if (schema.minimum) return "at least " + bound(schema, *schema.minimum);
  if (schema.maximum) return "at most " + bound(schema, *schema.maximum);
  std::string text;
  for (const std::string& choice : schema.choices)
    text += (text.empty() ? "one of " : " | ") + choice;
  return text;
}

std::string facts(const ParameterSchema& schema) {
  std::string text{to_string(schema.type)};
  if (!schema.unit.empty()) text += " in " + schema.unit;
  text += schema.default_value ? ", default " + to_string(*schema.default_value) : ", required";
  if (const std::string limits = range(schema); !limits.empty()) text += ", " + limits;
  return text + (schema.belongs_to == BelongsTo::job ? ", job" : ", run");
}

/// Within a cell of a Markdown table.
std::string cell(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '|') result += '\\';
    result += c == '\n' ? ' ' : c;
  }
  return result;
}

std::string code(std::string_view text) {
  return '`' + cell(text) + '`';
}

std::string row(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const std::string& each : cells) line += ' ' + each + (each.empty() ? "|" : " |");
  return line + '\n';
}

std::string type_of(const ParameterSchema& schema) {
  std::string text{to_string(schema.type)};
  if (!schema.unit.empty()) text += " in " + schema.unit;
  if (const std::string limits = range(schema); !limits.empty()) text += ", " + limits;
  return cell(text);
}

}  // namespace

std::string describe_types(const Registry& registry) {
  std::string result;
  for (const ShortForm& form : registry.short_forms()) {
    if (!result.empty()) result += '\n';
    result += wrapped("short form (" + form.origin + "):", form.help, 2);
    std::size_t widest = 0;
    for (const ShortForm::Key& key : form.keys) widest = std::max(widest, key.name.size());
    for (const ShortForm::Key& key : form.keys) {
      std::string head = "  " + key.name;
      head.resize(widest + 4, ' ');
      result += wrapped(head, key.help, widest + 4);
    }
  }
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

std::string config_reference(const Registry& registry) {
  std::string result;
  for (const ShortForm& form : registry.short_forms()) {
    result += "### Sections (" + form.origin + ")\n\n" + form.help + "\n\n";
    result += row({"section", "what it says"}) + row({"---", "---"});
    for (const ShortForm::Key& key : form.keys) result += row({code(key.name), cell(key.help)});
    result += '\n';
  }
  for (const auto& [name, type] : registry.types()) {
    result += "### `" + name + "` (" + type.origin + ")\n\n" + type.help + "\n\n";
    if (type.parameters.empty()) continue;
    result += row({"parameter", "type", "default", "of the", "meaning"});
    result += row({"---", "---", "---", "---", "---"});
    for (const ParameterSchema& schema : type.parameters)
      result += row({code(schema.name), type_of(schema),
                     schema.default_value ? code(to_string(*schema.default_value)) : "required",
                     schema.belongs_to == BelongsTo::job ? "job" : "run", cell(schema.help)});
    result += '\n';
  }
  if (result.ends_with("\n\n")) result.pop_back();
  return result;
}

}  // namespace troupe::runtime
