#include "runtime/config/values.hpp"

#include <algorithm>
#include <utility>

#include "runtime/base/name.hpp"

namespace troupe::runtime::config {
namespace {

/// None: the node is told of, or was before.
template <class T, ParameterType item_type>
std::optional<ParameterValue> read_list(const ParameterSchema& schema, const Node& node,
                                        Problems& problems) {
  std::vector<T> values;
  bool good = true;
  const ParameterSchema item{.name = schema.name, .type = item_type, .help = ""};
  for (const NodePtr& each : node.items) {
    auto value = read_value(item, *each, problems);
    good = good && value.has_value();
    if (value) values.push_back(std::get<T>(std::move(*value)));
  }
  if (!good) return std::nullopt;
  return ParameterValue{std::move(values)};
}

}  // namespace

std::optional<ParameterValue> read_value(const ParameterSchema& schema, const Node& node,
                                         Problems& problems) {
  if (node.faulty) return std::nullopt;
  std::optional<ParameterValue> value;
  const bool is_list = schema.type == ParameterType::texts || schema.type == ParameterType::numbers;
  if (is_list && node.kind == Node::Kind::list) {
    value = schema.type == ParameterType::texts
                ? read_list<std::string, ParameterType::text>(schema, node, problems)
                : read_list<double, ParameterType::number>(schema, node, problems);
    if (!value) return std::nullopt;
  } else if (!is_list && node.kind == Node::Kind::scalar) {
    value = parse_parameter(schema.type, node.text);
  }
  if (!value) {
    problems.add(node.mark, schema.name + ": expected " + std::string{expected_form(schema.type)} +
                                ", got " + shown(node));
    return std::nullopt;
  }
  if (const auto why = misfit(schema, *value)) {
    problems.add(node.mark, schema.name + ": " + *why);
    return std::nullopt;
  }
  return value;
}

std::optional<ParameterValue> read_structure(const ParameterSchema& schema, const Place& place,
                                             Problems& problems) {
  auto structure = to_structure(schema.name, *place.node, problems);
  if (!structure) return std::nullopt;
  if (schema.check) {
    const std::vector<ValueProblem> found = schema.check(structure->json);
    for (const auto& [pointer, what] : found)
      problems.add(find_place(place, pointer).mark, schema.name + pointer + ": " + what);
    if (!found.empty()) return std::nullopt;
  }
  return ParameterValue{*std::move(structure)};
}

std::optional<ParameterValue> read_key(const Node& map, const ParameterSchema& schema,
                                       Problems& problems) {
  const Entry* const entry = map.find(schema.name);
  if (entry == nullptr) return std::nullopt;
  return read_value(schema, *entry->value, problems);
}

bool check_map(std::string_view what, const Node& node, const std::vector<std::string_view>& keys,
               Problems& problems) {
  if (node.kind == Node::Kind::nothing) return true;
  if (node.kind != Node::Kind::map) {
    if (!node.faulty)
      problems.add(node.mark, std::string{what} + ": expected a map, got " + shown(node));
    return false;
  }
  for (const Entry& entry : node.entries)
    if (std::ranges::find(keys, entry.key) == keys.end())
      problems.add(entry.mark, std::string{what} + ": unknown key " + shown(entry.key) +
                                   problems.nearest(entry.key, keys));
  return true;
}

bool check_name(const Node& node, Problems& problems) {
  if (node.faulty) return false;
  constexpr std::size_t longest = 64;
  const std::string& name = node.text;
  const bool good = node.kind == Node::Kind::scalar && name.size() <= longest && is_name(name);
  if (!good)
    problems.add(node.mark,
                 "name: expected 1 to 64 letters, digits, '_', '-' and '.', got " + shown(node));
  return good;
}

}  // namespace troupe::runtime::config
