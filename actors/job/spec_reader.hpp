#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/clock.hpp"

namespace troupe::actors {

/// What is wrong in a specification: `pointer` is where, as a JSON pointer ("/train/batch", RFC 6901).
struct SpecProblem {
  std::string pointer;
  std::string what;  ///< one line: what was expected and what came

  bool operator==(const SpecProblem&) const = default;
};

/// @throws Error bad_input with all of them, one a line, if there are any. `what` stands first: "train".
void throw_if_any(const std::vector<SpecProblem>& problems, std::string_view what);

/// Reads one level of a specification (the data's, the model's, …), which is JSON whose scalars are texts as a config
/// would write them; numbers and truth values of JSON do as well. Whatever is missing, of another form, out of range or
/// unknown becomes a problem, and reading goes on, so that all problems are found at once. What a faulty key reads as is
/// its default, or the least value.
///
///     SpecReader train = SpecReader::parse(text, problems);
///     spec.batch = train.integer("batch", 128, 1, 1 << 20);
///     for (auto& [kind, with] : train.named_list("transforms")) …
///     train.finish();
///
/// Small to copy; copies share what was asked for. Not thread-safe. `problems` outlives it.
class SpecReader {
 public:
  struct Named;

  /// Text that is no JSON, or deeper than 64 levels, is a problem, and reads as nothing.
  static SpecReader parse(std::string_view json, std::vector<SpecProblem>& problems);

  /// Whether the key is there, at all.
  bool has(std::string_view key) const;

  // Without a default, the key must be there.
  bool boolean(std::string_view key, std::optional<bool> fallback = {});
  std::int64_t integer(std::string_view key, std::optional<std::int64_t> fallback,
                       std::int64_t least, std::int64_t most);
  double number(std::string_view key, std::optional<double> fallback, double least, double most);
  std::string text(std::string_view key, std::optional<std::string> fallback = {});
  /// One of `choices`, by its index.
  std::size_t choice(std::string_view key, std::span<const std::string_view> choices,
                     std::optional<std::size_t> fallback = {});
  Duration duration(std::string_view key, std::optional<Duration> fallback, Duration least,
                    Duration most);
  /// In bytes.
  std::int64_t size(std::string_view key, std::optional<std::int64_t> fallback, std::int64_t least,
                    std::int64_t most);
  // Lists; a scalar is a list of one. Nothing there: empty.
  std::vector<std::string> texts(std::string_view key);
  std::vector<double> numbers(std::string_view key);
  std::vector<std::int64_t> integers(std::string_view key);

  /// What is under a key that holds a map; an empty one if nothing is there.
  SpecReader object(std::string_view key);
  /// What is under a key, whatever it is; nothing if the key is absent.
  SpecReader value(std::string_view key);
  /// The items of a list, whatever each of them is; anything else is a list of one. Nothing there: empty.
  std::vector<SpecReader> values(std::string_view key);
  /// The items of a list of maps.
  std::vector<SpecReader> objects(std::string_view key);
  /// "relu", or {dense: {units: 10}}, or {dense: {}}: a name with what belongs to it. None if the key is absent.
  std::optional<Named> named(std::string_view key);
  std::vector<Named> named_list(std::string_view key);
  /// This level itself as such a list: a specification that is a list at its top.
  std::vector<Named> named_items();

  /// All keys of this map, in order of name. They count as asked for.
  std::vector<std::string> keys();
  bool is_map() const;
  bool is_list() const;
  /// The text of this level if it is a scalar.
  std::optional<std::string> scalar() const;
  /// This level as JSON, on one line, keys in order of name.
  std::string json() const;

  void problem(std::string_view key, std::string what);
  /// Of this level as a whole.
  void problem(std::string what) { problem({}, std::move(what)); }
  const std::string& pointer() const { return pointer_; }

  /// Reports each key that nobody asked for, with the nearest known one.
  void finish();

 private:
  struct Level;
  SpecReader(std::shared_ptr<const Level> level, std::string pointer,
             std::vector<SpecProblem>& problems);

  struct Value;
  std::optional<Value> find(std::string_view key);
  SpecReader child(const void* json, std::string pointer) const;
  Named named_of(const void* json, const std::string& pointer);
  template <class T>
  std::vector<T> list_of(std::string_view key, int type);

  std::shared_ptr<const Level> level_;
  std::shared_ptr<std::vector<std::string>> asked_;
  std::string pointer_;
  std::vector<SpecProblem>* problems_;
};

struct SpecReader::Named {
  std::string name;
  SpecReader with;
};

}  // namespace troupe::actors
