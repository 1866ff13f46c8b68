#include "actors/job/spec_reader.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"
#include "runtime/base/nearest.hpp"
#include "runtime/parameters.hpp"

namespace troupe::actors {
namespace {

using Json = nlohmann::json;
using runtime::ParameterType;

constexpr int deepest = 64;

std::string escaped(std::string_view key) {
  std::string result;
  for (const char c : key) {
    if (c == '~') {
      result += "~0";
    } else if (c == '/') {
      result += "~1";
    } else {
      result += c;
    }
  }
  return result;
}

std::string shown(const Json& value) {
  if (value.is_null()) return "nothing";
  if (value.is_array()) return "a list";
  if (value.is_object()) return "a map";
  std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return '"' + text + '"';
}

std::optional<std::string> scalar_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_primitive() && !value.is_null()) return value.dump();
  return {};
}

int depth_of(const Json& value, int left) {
  if (left == 0 || !value.is_structured()) return left == 0 ? deepest + 1 : 0;
  int depth = 0;
  for (const Json& item : value) depth = std::max(depth, 1 + depth_of(item, left - 1));
  return depth;
}

template <class T>
std::string range(T least, T most) {
  return " from " + runtime::to_string(runtime::ParameterValue{least}) + " to " +
         runtime::to_string(runtime::ParameterValue{most});
}

}  // namespace

void throw_if_any(const std::vector<SpecProblem>& problems, std::string_view what) {
  if (problems.empty()) return;
  std::string text;
  for (const SpecProblem& problem : problems) {
    if (!text.empty()) text += '\n';
    text.append(what).append(problem.pointer).append(": ").append(problem.what);
  }
  throw Error{ErrorCode::bad_input, text};
}

struct SpecReader::Level {
  std::shared_ptr<const Json> root;  // keeps `here` alive
  const Json* here = nullptr;
};

struct SpecReader::Value {
  const Json* json = nullptr;
  std::string pointer;
};

SpecReader::SpecReader(std::shared_ptr<const Level> level, std::string pointer,
                       std::vector<SpecProblem>& problems)
    : level_{std::move(level)},
      asked_{std::make_shared<std::vector<std::string>>()},
      pointer_{std::move(pointer)},
      problems_{&problems} {}

SpecReader SpecReader::parse(std::string_view json, std::vector<SpecProblem>& problems) {
  auto root = std::make_shared<Json>();
  Json parsed = Json::parse(json.begin(), json.end(), nullptr, false);
  if (parsed.is_discarded() || json.find('\0') != std::string_view::npos) {
    problems.push_back({{}, "expected JSON, got something else"});
  } else if (depth_of(parsed, deepest + 1) > deepest) {
    problems.push_back({{}, "expected at most 64 levels"});
  } else {
    *root = std::move(parsed);
  }
  auto level = std::make_shared<Level>();
  level->root = root;
  level->here = root.get();
  return SpecReader{std::move(level), {}, problems};
}

SpecReader SpecReader::child(const void* json, std::string pointer) const {
  static const Json nothing;
  auto level = std::make_shared<Level>();
  level->root = level_->root;
  level->here = json == nullptr ? &nothing : static_cast<const Json*>(json);
  return SpecReader{std::move(level), std::move(pointer), *problems_};
}

bool SpecReader::is_map() const {
  return level_->here->is_object();
}
bool SpecReader::is_list() const {
  return level_->here->is_array();
}
std::optional<std::string> SpecReader::scalar() const {
  return scalar_text(*level_->here);
}
std::string SpecReader::json() const {
  return level_->here->dump();
}

bool SpecReader::has(std::string_view key) const {
  return is_map() && level_->here->contains(key);
}

std::optional<SpecReader::Value> SpecReader::find(std::string_view key) {
  asked_->emplace_back(key);
  if (!is_map()) return {};
  const auto at = level_->here->find(key);
  if (at == level_->here->end()) return {};
  return Value{&*at, pointer_ + '/' + escaped(key)};
}

void SpecReader::problem(std::string_view key, std::string what) {
  problems_->push_back({key.empty() ? pointer_ : pointer_ + '/' + escaped(key), std::move(what)});
}

namespace {

/// A scalar by its type; nothing, and why, if it is none.
template <class T>
std::optional<T> scalar_of(const Json& json, ParameterType type, std::string& why) {
  const auto text = scalar_text(json);
  const auto value = text ? runtime::parse_parameter(type, *text) : std::nullopt;
  if (value && std::holds_alternative<T>(*value)) return std::get<T>(*value);
  why = "expected " + std::string{runtime::expected_form(type)} + ", got " + shown(json);
  return {};
}

}  // namespace

// What all scalars have in common: absent, faulty, out of range.
#define TROUPE_READ_SCALAR(T, type, key, fallback, least, most)                                \
  const auto value = find(key);                                                                \
  if (!value) {                                                                                \
    if (!(fallback))                                                                           \
      problem(key, "expected " + std::string{runtime::expected_form(type)} + ", got nothing"); \
    return (fallback).value_or(least);                                                         \
  }                                                                                            \
  std::string why;                                                                             \
  const std::optional<T> read = scalar_of<T>(*value->json, type, why);                         \
  if (read && *read >= (least) && *read <= (most)) return *read;                               \
  if (read)                                                                                    \
    why = "expected " + std::string{runtime::expected_form(type)} + range<T>(least, most) +    \
          ", got " + shown(*value->json);                                                      \
  problem(key, why);                                                                           \
  return (fallback).value_or(least)

bool SpecReader::boolean(std::string_view key, std::optional<bool> fallback) {
  TROUPE_READ_SCALAR(bool, ParameterType::boolean, key, fallback, false, true);
}
std::int64_t SpecReader::integer(std::string_view key, std::optional<std::int64_t> fallback,
                                 std::int64_t least, std::int64_t most) {
  TROUPE_READ_SCALAR(std::int64_t, ParameterType::integer, key, fallback, least, most);
}
double SpecReader::number(std::string_view key, std::optional<double> fallback, double least,
                          double most) {
  TROUPE_READ_SCALAR(double, ParameterType::number, key, fallback, least, most);
}
Duration SpecReader::duration(std::string_view key, std::optional<Duration> fallback,
                              Duration least, Duration most) {
  TROUPE_READ_SCALAR(Duration, ParameterType::duration, key, fallback, least, most);
}
std::int64_t SpecReader::size(std::string_view key, std::optional<std::int64_t> fallback,
                              std::int64_t least, std::int64_t most) {
  TROUPE_READ_SCALAR(std::int64_t, ParameterType::size, key, fallback, least, most);
}
#undef TROUPE_READ_SCALAR

std::string SpecReader::text(std::string_view key, std::optional<std::string> fallback) {
  const auto value = find(key);
  if (!value) {
    if (!fallback) problem(key, "expected a text, got nothing");
    return fallback.value_or("");
  }
  if (auto text = scalar_text(*value->json)) return *std::move(text);
  problem(key, "expected a text, got " + shown(*value->json));
  return fallback.value_or("");
}

std::size_t SpecReader::choice(std::string_view key, std::span<const std::string_view> choices,
                               std::optional<std::size_t> fallback) {
  std::string known;
  for (const std::string_view choice : choices)
    known.append(known.empty() ? "" : ", ").append(choice);
  const auto value = find(key);
  if (!value) {
    if (!fallback) problem(key, "expected one of " + known + ", got nothing");
    return fallback.value_or(0);
  }
  const std::string text = scalar_text(*value->json).value_or("");
  const auto at = std::ranges::find(choices, text);
  if (at != choices.end()) return static_cast<std::size_t>(at - choices.begin());
  problem(key,
          "expected one of " + known + ", got " + shown(*value->json) + suggestion(text, choices));
  return fallback.value_or(0);
}

template <class T>
std::vector<T> SpecReader::list_of(std::string_view key, int type) {
  const auto value = find(key);
  if (!value) return {};
  std::vector<T> result;
  const auto add = [&](const Json& item, const std::string& pointer) {
    std::string why;
    if (auto read = scalar_of<T>(item, static_cast<ParameterType>(type), why)) {
      result.push_back(*std::move(read));
    } else {
      problems_->push_back({pointer, std::move(why)});
    }
  };
  if (!value->json->is_array()) {
    add(*value->json, value->pointer);
    return result;
  }
  for (std::size_t i = 0; i < value->json->size(); ++i)
    add((*value->json)[i], value->pointer + '/' + std::to_string(i));
  return result;
}

std::vector<std::string> SpecReader::texts(std::string_view key) {
  return list_of<std::string>(key, static_cast<int>(ParameterType::text));
}
std::vector<double> SpecReader::numbers(std::string_view key) {
  return list_of<double>(key, static_cast<int>(ParameterType::number));
}
std::vector<std::int64_t> SpecReader::integers(std::string_view key) {
  return list_of<std::int64_t>(key, static_cast<int>(ParameterType::integer));
}

SpecReader SpecReader::object(std::string_view key) {
  const auto value = find(key);
  if (!value || value->json->is_null()) return child(nullptr, pointer_ + '/' + escaped(key));
  if (value->json->is_object()) return child(value->json, value->pointer);
  problem(key, "expected a map, got " + shown(*value->json));
  return child(nullptr, value->pointer);
}

SpecReader SpecReader::value(std::string_view key) {
  const auto value = find(key);
  return value ? child(value->json, value->pointer) : child(nullptr, pointer_ + '/' + escaped(key));
}

std::vector<SpecReader> SpecReader::values(std::string_view key) {
  const auto value = find(key);
  if (!value || value->json->is_null()) return {};
  if (!value->json->is_array()) return {child(value->json, value->pointer)};
  std::vector<SpecReader> result;
  for (std::size_t i = 0; i < value->json->size(); ++i)
    result.push_back(child(&(*value->json)[i], value->pointer + '/' + std::to_string(i)));
  return result;
}

std::vector<SpecReader> SpecReader::objects(std::string_view key) {
  const auto value = find(key);
  if (!value || value->json->is_null()) return {};
  if (!value->json->is_array()) {
    problem(key, "expected a list of maps, got " + shown(*value->json));
    return {};
  }
  std::vector<SpecReader> result;
  for (std::size_t i = 0; i < value->json->size(); ++i) {
    const Json& item = (*value->json)[i];
    const std::string pointer = value->pointer + '/' + std::to_string(i);
    if (item.is_object()) {
      result.push_back(child(&item, pointer));
    } else {
      problems_->push_back({pointer, "expected a map, got " + shown(item)});
    }
  }
  return result;
}

SpecReader::Named SpecReader::named_of(const void* json, const std::string& pointer) {
  const Json& item = *static_cast<const Json*>(json);
  if (item.is_string()) return {item.get<std::string>(), child(nullptr, pointer)};
  if (item.is_object() && item.size() == 1) {
    const auto only = item.begin();
    const std::string inner = pointer + '/' + escaped(only.key());
    if (only->is_object() || only->is_null())
      return {only.key(), child(only->is_null() ? nullptr : &*only, inner)};
    problems_->push_back({inner, "expected a map, got " + shown(*only)});
    return {only.key(), child(nullptr, inner)};
  }
  problems_->push_back({pointer, "expected a name, or a name with a map, got " + shown(item)});
  return {{}, child(nullptr, pointer)};
}

std::optional<SpecReader::Named> SpecReader::named(std::string_view key) {
  const auto value = find(key);
  if (!value) return {};
  return named_of(value->json, value->pointer);
}

std::vector<SpecReader::Named> SpecReader::named_list(std::string_view key) {
  const auto value = find(key);
  if (!value || value->json->is_null()) return {};
  return child(value->json, value->pointer).named_items();
}

std::vector<SpecReader::Named> SpecReader::named_items() {
  const Json& here = *level_->here;
  if (here.is_null()) return {};
  if (!here.is_array()) {
    problem("expected a list, got " + shown(here));
    return {};
  }
  std::vector<Named> result;
  for (std::size_t i = 0; i < here.size(); ++i) {
    Named item = named_of(&here[i], pointer_ + '/' + std::to_string(i));
    if (!item.name.empty()) result.push_back(std::move(item));
  }
  return result;
}

std::vector<std::string> SpecReader::keys() {
  std::vector<std::string> result;
  if (!is_map()) return result;
  for (const auto& item : level_->here->items()) result.push_back(item.key());
  asked_->insert(asked_->end(), result.begin(), result.end());
  return result;
}

void SpecReader::finish() {
  if (level_->here->is_null()) return;
  if (!is_map()) {
    problem("expected a map, got " + shown(*level_->here));
    return;
  }
  const std::vector<std::string_view> known{asked_->begin(), asked_->end()};
  for (const auto& item : level_->here->items()) {
    if (std::ranges::find(known, item.key()) == known.end())
      problem(item.key(), "unknown key" + suggestion(item.key(), known));
  }
}

}  // namespace troupe::actors
