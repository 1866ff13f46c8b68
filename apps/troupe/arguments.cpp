#include "apps/troupe/arguments.hpp"

#include <algorithm>

#include "runtime/base/error.hpp"

namespace troupe::apps {

Arguments::Arguments(std::vector<std::string> given, const std::vector<std::string_view>& flags,
                     const std::vector<std::string_view>& switches) {
  const auto contains = [](const auto& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::string& text = given[i];
    if (!text.starts_with("--")) {
      rest_.push_back(text);
      continue;
    }
    const std::size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    if (contains(switches, name) && equals == std::string::npos) {
      options_.push_back({name, ""});
    } else if (!contains(flags, name)) {
      throw Error{ErrorCode::bad_input, "unknown option " + name};
    } else if (equals != std::string::npos) {
      options_.push_back({name, text.substr(equals + 1)});
    } else if (i + 1 < given.size()) {
      options_.push_back({name, given[++i]});
    } else {
      throw Error{ErrorCode::bad_input, name + " expects a value"};
    }
  }
}

bool Arguments::has(std::string_view name) const {
  return std::any_of(options_.begin(), options_.end(),
                     [&](const Option& o) { return o.name == name; });
}

std::optional<std::string> Arguments::find(std::string_view flag) const {
  const std::vector<std::string> values = all(flag);
  if (values.empty()) return {};
  return values.back();
}

std::vector<std::string> Arguments::all(std::string_view flag) const {
  std::vector<std::string> values;
  for (const Option& option : options_)
    if (option.name == flag) values.push_back(option.value);
  return values;
}

void Arguments::expect(std::size_t least, std::size_t most, std::string_view what) const {
  if (rest_.size() < least || rest_.size() > most)
    throw Error{ErrorCode::bad_input, "expected " + std::string{what} + ", got " +
                                          std::to_string(rest_.size()) + " arguments"};
}

}  // namespace troupe::apps
