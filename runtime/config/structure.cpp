#include "runtime/config/structure.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

namespace troupe::runtime::config {
namespace {

using Json = nlohmann::json;

class Converter {
 public:
  Converter(std::string_view name, Problems& problems) : name_{name}, problems_{problems} {}

  bool good() const { return good_; }

  Json json(const Node& node, std::size_t levels) {
    good_ = good_ && !node.faulty;
    if (node.faulty) return nullptr;
    switch (node.kind) {
      case Node::Kind::nothing:
        return nullptr;
      case Node::Kind::scalar:
        return node.text;
      case Node::Kind::list:
      case Node::Kind::map:
        break;
    }
    if (levels == 0) {
      refuse(node.mark, "expected at most " + std::to_string(most_structure_depth) +
                            " levels of lists and maps");
      return nullptr;
    }
    if (node.kind == Node::Kind::list) {
      Json list = Json::array();
      for (const NodePtr& item : node.items) list.push_back(json(*item, levels - 1));
      return list;
    }
    Json map = Json::object();
    for (const Entry& entry : node.entries) {
      if (entry.key.size() > most_key_bytes)
        refuse(entry.mark, "expected keys of at most " + std::to_string(most_key_bytes) +
                               " bytes, got " + shown(entry.key));
      map[entry.key] = json(*entry.value, levels - 1);
    }
    return map;
  }

 private:
  void refuse(const Mark& mark, const std::string& what) {
    good_ = false;
    problems_.add(mark, std::string{name_} + ": " + what);
  }

  std::string_view name_;
  Problems& problems_;
  bool good_ = true;
};

/// One part of a JSON pointer, its escapes resolved.
std::string unescaped(std::string_view part) {
  std::string result;
  for (std::size_t i = 0; i < part.size(); ++i) {
    const bool escape = part[i] == '~' && i + 1 < part.size();
    if (escape && part[i + 1] == '1') {
      result += '/';
      ++i;
    } else {
      result += part[i];
      if (escape && part[i + 1] == '0') ++i;
    }
  }
  return result;
}

std::string written_key(const std::string& key) {
  std::string text = to_string(ParameterValue{key});
  // In keys there are no variables, so nothing to escape.
  for (std::size_t at = 0; (at = text.find("$${", at)) != std::string::npos; at += 2)
    text.erase(at, 1);
  return text;
}

/// A number needs no quotes here, where all scalars are texts.
bool is_number_like(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const std::string_view rest = text.substr(text.starts_with('-') ? 1 : 0);
  return !rest.empty() && digit(rest.front()) && std::ranges::all_of(rest, [&](char c) {
    return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' ||
           c == '_';
  });
}

/// All on one line.
std::string flow(const Json& value) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return is_number_like(text) ? text : to_string(ParameterValue{text});
  }
  if (value.is_array()) {
    std::string result = "[";
    for (const Json& item : value) result += (result.size() > 1 ? ", " : "") + flow(item);
    return result + ']';
  }
  if (value.is_object()) {
    std::string result = "{";
    for (const auto& [key, item] : value.items())
      result += (result.size() > 1 ? ", " : "") + written_key(key) + ": " + flow(item);
    return result + '}';
  }
  return "null";
}

std::string block(const Json& value, std::size_t indent);

/// Behind what opens the value, on its line or below it.
std::string behind(const Json& value, std::size_t indent, std::string_view comment) {
  constexpr std::size_t widest = 80;
  std::string line = flow(value);
  if (!value.is_structured() || indent + line.size() <= widest)
    return ' ' + line + std::string{comment} + '\n';
  return std::string{comment} + '\n' + block(value, indent);
}

std::string block(const Json& value, std::size_t indent) {
  std::string result;
  if (value.is_object()) {
    for (const auto& [key, item] : value.items())
      result += std::string(indent, ' ') + written_key(key) + ':' + behind(item, indent + 2, "");
    return result;
  }
  for (const Json& item : value) {
    // A name with what belongs to it needs no braces.
    const bool is_named = item.is_object() && item.size() == 1;
    const std::string lines =
        is_named ? '\n' + block(item, indent + 2) : behind(item, indent + 2, "");
    // What takes lines of its own begins beside the dash.
    result += std::string(indent, ' ') + '-';
    result += lines.front() == '\n' ? ' ' + lines.substr(indent + 3) : lines;
  }
  return result;
}

Structure as_structure(const Json& json) {
  return {json.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

}  // namespace

std::optional<Structure> to_structure(std::string_view name, const Node& node, Problems& problems) {
  Converter converter{name, problems};
  Structure structure = as_structure(converter.json(node, most_structure_depth));
  if (!converter.good()) return std::nullopt;
  return structure;
}

Structure sound_structure(std::string_view name, const Node& node, Problems& problems) {
  return as_structure(Converter{name, problems}.json(node, most_structure_depth));
}

std::string escaped(std::string_view key) {
  std::string result;
  for (const char c : key) {
    if (c == '~')
      result += "~0";
    else if (c == '/')
      result += "~1";
    else
      result += c;
  }
  return result;
}

Place find_place(const Place& root, std::string_view pointer) {
  Place place = root;
  while (pointer.starts_with('/')) {
    pointer.remove_prefix(1);
    const std::size_t size = std::min(pointer.find('/'), pointer.size());
    const std::string part = unescaped(pointer.substr(0, size));
    pointer.remove_prefix(size);
    if (place.node->kind == Node::Kind::map) {
      const Entry* const entry = place.node->find(part);
      if (entry == nullptr) break;
      const Node& value = *entry->value;
      // An override may have set the value alone.
      const bool beside_key =
          value.kind != Node::Kind::scalar && value.mark.source == entry->mark.source;
      place = {entry->value, beside_key ? entry->mark : value.mark};
    } else {
      const auto index = parse_parameter(ParameterType::integer, part);
      if (place.node->kind != Node::Kind::list || !index) break;
      const auto at = static_cast<std::size_t>(std::get<std::int64_t>(*index));
      if (at >= place.node->items.size()) break;
      place = {place.node->items[at], place.node->items[at]->mark};
    }
  }
  return place;
}

std::string to_yaml(const Structure& structure, std::size_t indent, std::string_view comment) {
  return behind(Json::parse(structure.json), indent, comment);
}

}  // namespace troupe::runtime::config
