#include "runtime/config/overrides.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/config/check.hpp"
#include "runtime/config/merge.hpp"
#include "runtime/config/short_forms.hpp"
#include "runtime/parameters.hpp"

namespace troupe::runtime::config {
namespace {

class Setter {
 public:
  Setter(const Mark& mark, NodePtr value, const std::vector<std::string_view>& sections,
         Problems& problems)
      : mark_{mark}, value_{std::move(value)}, sections_{sections}, problems_{problems} {}

  /// The first of the path's keys is the config's own.
  NodePtr set_root_key(const NodePtr& root, std::string_view path) { return set_keys(*root, path); }

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
    if (is_root) names.insert(names.end(), sections_.begin(), sections_.end());
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
    const std::string_view rest = path.substr(point + 1);
    if (found != nullptr && found->value->kind == Node::Kind::list)
      return with_entry(map, key, mark_, set_item(*found->value, rest));
    const bool is_map = found != nullptr && found->value->kind == Node::Kind::map;
    return with_entry(map, key, mark_, set_keys(is_map ? *found->value : fresh, rest));
  }

  /// Of a list the path names an item by its number.
  NodePtr set_item(const Node& list, std::string_view path) {
    const std::size_t point = path.find('.');
    const auto number = parse_parameter(ParameterType::integer, path.substr(0, point));
    const auto at = number ? static_cast<std::size_t>(std::get<std::int64_t>(*number)) : most_items;
    Node copy = list;
    if (at >= copy.items.size()) {
      problems_.add(mark_, "there is no item " + shown(path.substr(0, point)) + " in a list of " +
                               std::to_string(copy.items.size()));
      return std::make_shared<const Node>(std::move(copy));
    }
    NodePtr& item = copy.items[at];
    const Node fresh{.kind = Node::Kind::map, .mark = mark_};
    if (point == std::string_view::npos)
      item = value_;
    else if (item->kind == Node::Kind::list)
      item = set_item(*item, path.substr(point + 1));
    else
      item = set_keys(item->kind == Node::Kind::map ? *item : fresh, path.substr(point + 1));
    return std::make_shared<const Node>(std::move(copy));
  }

  static constexpr std::size_t most_items = std::numeric_limits<std::size_t>::max();

  Mark mark_;
  NodePtr value_;
  const std::vector<std::string_view>& sections_;
  Problems& problems_;
};

}  // namespace

Overrides::Overrides(const std::vector<Override>& overrides, const Environment& environment,
                     Budget& budget, Problems& problems)
    : overrides_{overrides},
      environment_{environment},
      budget_{budget},
      problems_{problems},
      done_(overrides.size()) {}

NodePtr Overrides::apply(NodePtr root, const Chosen& chosen, const Registry& registry) {
  const std::vector<std::string_view> sections = section_keys(registry);
  for (std::size_t i = 0; i < overrides_.size(); ++i) {
    const Override& given = overrides_[i];
    if (done_[i] || !chosen(*root, given.path)) continue;
    done_[i] = true;
    const Mark mark{i + 1, 0, 0};
    const auto points = static_cast<std::size_t>(std::ranges::count(given.path, '.'));
    if (given.path.empty() || given.path.ends_with('.') || points > most_depth ||
        !is_utf8(given.path)) {
      problems_.add(mark, "expected names of actors, then keys, with '.' between");
      continue;
    }
    NodePtr value = parse(given.value, i + 1, environment_, budget_, problems_);
    if (!value) continue;
    Setter setter{mark, std::move(value), sections, problems_};
    root = sets_section(*root, registry, given.path) ? setter.set_root_key(root, given.path)
                                                     : setter.set(root, given.path, true);
  }
  return root;
}

}  // namespace troupe::runtime::config
