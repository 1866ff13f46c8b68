#include "runtime/registry.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "runtime/base/error.hpp"
#include "runtime/config/check.hpp"

namespace troupe::runtime {
namespace {

bool is_identifier(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

constexpr const char* identifier_form =
    "expected a name of 1 to 64 lower-case letters, digits and '_', got ";

std::string quoted(std::string_view name) {
  return to_string(ParameterValue{std::string{name}.substr(0, 80)});
}

/// Why the schema cannot be used, if it cannot.
std::optional<std::string> fault(const ParameterSchema& schema) {
  const bool ranged = schema.type == ParameterType::integer ||
                      schema.type == ParameterType::number ||
                      schema.type == ParameterType::duration ||
                      schema.type == ParameterType::size || schema.type == ParameterType::numbers;
  if ((schema.minimum || schema.maximum) && !ranged)
    return "a range, but a " + std::string{to_string(schema.type)} + " has none";
  if ((schema.minimum && std::isnan(*schema.minimum)) ||
      (schema.maximum && std::isnan(*schema.maximum)) ||
      (schema.minimum && schema.maximum && *schema.minimum > *schema.maximum))
    return "a range that holds no value";
  if (!schema.choices.empty() && schema.type != ParameterType::text)
    return "choices, but only a text has choices";
  if (schema.check && schema.type != ParameterType::structure)
    return "a check, but only a structure has one";
  if (schema.type == ParameterType::path && schema.default_value)
    return "a default, but a path must be given by the config";
  if (!schema.default_value) return std::nullopt;
  if (const auto why = misfit(schema, *schema.default_value))
    return "a default that does not fit: " + *why;
  return std::nullopt;
}

}  // namespace

void Registry::add(ActorType type) {
  if (!is_identifier(type.name))
    throw Error{ErrorCode::bad_input, "actor type: " + (identifier_form + quoted(type.name))};
  const std::string where = "actor type " + type.name;
  if (const auto taken = types_.find(type.name); taken != types_.end())
    throw Error{ErrorCode::bad_input,
                where + ": the name is taken by a type of " + quoted(taken->second.origin)};
  if (!type.make) throw Error{ErrorCode::bad_input, where + ": expected a factory, got none"};
  std::set<std::string_view> seen;
  for (const ParameterSchema& schema : type.parameters) {
    if (!is_identifier(schema.name))
      throw Error{ErrorCode::bad_input,
                  where + ": parameter: " + (identifier_form + quoted(schema.name))};
    const std::string parameter = where + ": parameter " + schema.name;
    if (!seen.insert(schema.name).second)
      throw Error{ErrorCode::bad_input, parameter + " is named twice"};
    if (const auto why = fault(schema))
      throw Error{ErrorCode::bad_input, parameter + " has " + *why};
  }
  std::string name = type.name;
  types_.emplace(std::move(name), std::move(type));
}

void Registry::add_short_form(ShortForm form) {
  std::set<std::string_view> taken{config::root_keys().begin(), config::root_keys().end()};
  for (const ShortForm& other : short_forms_)
    for (const ShortForm::Key& key : other.keys) taken.insert(key.name);
  for (const ShortForm::Key& key : form.keys) {
    if (!is_identifier(key.name))
      throw Error{ErrorCode::bad_input, "short form: key: " + (identifier_form + quoted(key.name))};
    if (!taken.insert(key.name).second)
      throw Error{ErrorCode::bad_input, "short form: the key " + key.name + " is taken"};
  }
  if (form.keys.empty() || !form.expand)
    throw Error{ErrorCode::bad_input, "short form: expected keys and a function, got none"};
  short_forms_.push_back(std::move(form));
}

const ActorType* Registry::find(std::string_view name) const {
  const auto found = types_.find(name);
  return found == types_.end() ? nullptr : &found->second;
}

}  // namespace troupe::runtime
