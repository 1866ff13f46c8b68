#include "runtime/config/overrides.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/config/check.hpp"

namespace troupe::runtime::config {
namespace {

/// The name that an entry of `actors` has, or nothing.
std::string_view name_of(const Node& item) {
  const Entry* const name = item.kind == Node::Kind::map ? item.find("name") : nullptr;
  return name != nullptr ? std::string_view{name->value->text} : std::string_view{};
}

NodePtr with_entry(const Node& map, std::string_view key, const Mark& mark, NodePtr value) {
  Node copy = map;
  const auto found = std::ranges::find(copy.entries, key, &Entry::key);
  if (found != copy.entries.end())
    found->value = std::move(value);
  else
    copy.entries.push_back({std::string{key}, mark, std::move(value)});
  return std::make_shared<const Node>(std::move(copy));
}

class Setter {
 public:
  Setter(const Mark& mark, NodePtr value, Problems& problems)
      : mark_{mark}, value_{std::move(value)}, problems_{problems} {}

  /// `level`: the config itself, or an entry of `actors`.
  NodePtr set(const NodePtr& level, std::string_view path, bool is_root) {
    const Entry* const actors = level->find("actors");
    const bool has_actors = actors != nullptr && actors->value->kind == Node::Kind::list;
    std::vector<std::string_view> names;
    if (has_actors) {
      const Node& list = *actors->value;
      const std::size_t chosen = longest_name(list, path, names);
      if (chosen < list.items.size()) {
        const NodePtr& item = list.items[chosen];
        Node copy = list;
        copy.items[chosen] = set(item, path.substr(name_of(*item).size() + 1), false);
        return with_entry(*level, "actors", mark_, std::make_shared<const Node>(std::move(copy)));
      }
    }
    const std::string_view key = path.substr(0, path.find('.'));
    const auto among = [&](const std::vector<std::string_view>& keys) {
      return std::ranges::find(keys, key) != keys.end();
    };
    const bool is_supervisor = level->find("supervisor") != nullptr || actors != nullptr;
    if (!is_root && is_supervisor && among(settings_keys()))
      return set_keys(*level, "supervisor." + std::string{path});
    const auto& keys = is_root ? root_keys() : is_supervisor ? supervisor_keys() : actor_keys();
    if (among(keys)) return set_keys(*level, path);
    names.insert(names.end(), keys.begin(), keys.end());
    problems_.add(mark_,
                  "there is no actor and no key " + shown(key) + problems_.nearest(key, names));
    return level;
  }

 private:
  /// Names may have points in them, so the longest that fits is meant.
  static std::size_t longest_name(const Node& list, std::string_view path,
                                  std::vector<std::string_view>& names) {
    std::size_t chosen = list.items.size();
    std::size_t longest = 0;
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      const std::string_view name = name_of(*list.items[i]);
      if (name.empty()) continue;
      names.push_back(name);
      if (name.size() <= longest || path.size() <= name.size() + 1 || path[name.size()] != '.' ||
          !path.starts_with(name))
        continue;
      chosen = i;
      longest = name.size();
    }
    return chosen;
  }

  NodePtr set_keys(const Node& map, std::string_view path) {
    const std::size_t point = path.find('.');
    const std::string_view key = path.substr(0, point);
    if (point == std::string_view::npos) return with_entry(map, key, mark_, value_);
    const Node fresh{.kind = Node::Kind::map, .mark = mark_};
    const Entry* const found = map.find(key);
    const bool is_map = found != nullptr && found->value->kind == Node::Kind::map;
    return with_entry(map, key, mark_,
                      set_keys(is_map ? *found->value : fresh, path.substr(point + 1)));
  }

  Mark mark_;
  NodePtr value_;
  Problems& problems_;
};

}  // namespace

NodePtr apply_overrides(NodePtr root, const std::vector<Override>& overrides,
                        const Environment& environment, Budget& budget, Problems& problems) {
  for (std::size_t i = 0; i < overrides.size(); ++i) {
    const Override& given = overrides[i];
    const Mark mark{i + 1, 0, 0};
    const auto points = static_cast<std::size_t>(std::ranges::count(given.path, '.'));
    if (given.path.empty() || given.path.ends_with('.') || points > most_depth ||
        !is_utf8(given.path)) {
      problems.add(mark, "expected names of actors, then keys, with '.' between");
      continue;
    }
    NodePtr value = parse(given.value, i + 1, environment, budget, problems);
    if (value) root = Setter{mark, std::move(value), problems}.set(root, given.path, true);
  }
  return root;
}

}  // namespace troupe::runtime::config
