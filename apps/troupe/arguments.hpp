#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::apps {

/// A subcommand's arguments: flags with a value ("--set a=b", "--set=a=b"), switches, and the rest in order.
class Arguments {
 public:
  /// @param flags those that take a value, @param switches those that do not, both with their "--".
  /// @throws Error bad_input for an option that is neither, or a flag without its value.
  Arguments(std::vector<std::string> given, const std::vector<std::string_view>& flags,
            const std::vector<std::string_view>& switches);

  bool has(std::string_view name) const;
  /// The last one counts.
  std::optional<std::string> find(std::string_view flag) const;
  std::vector<std::string> all(std::string_view flag) const;
  const std::vector<std::string>& rest() const { return rest_; }
  /// @throws Error bad_input naming `what` unless there are so many.
  void expect(std::size_t least, std::size_t most, std::string_view what) const;

 private:
  struct Option {
    std::string name;
    std::string value;
  };
  std::vector<Option> options_;
  std::vector<std::string> rest_;
};

}  // namespace troupe::apps
