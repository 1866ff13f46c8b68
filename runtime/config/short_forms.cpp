#include "runtime/config/short_forms.hpp"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "runtime/base/error.hpp"
#include "runtime/config/merge.hpp"
#include "runtime/config/structure.hpp"
#include "runtime/registry.hpp"

namespace troupe::runtime::config {
namespace {

using Json = nlohmann::json;

/// Makes nodes of the entries that a short form gave, each marked with where it comes from.
class Marker {
 public:
  Marker(Place root, const Expanded& expanded) : root_{std::move(root)}, expanded_{expanded} {}

  /// `from`: whence the value around it comes; `exactly`: it is that place's own value.
  NodePtr node(const Json& json, const std::string& pointer, Place from, bool exactly) const {
    Node result{.mark = from.node->kind == Node::Kind::scalar || !exactly ? from.mark
                                                                          : from.node->mark};
    result.faulty = exactly && from.node->faulty;
    if (json.is_array()) {
      result.kind = Node::Kind::list;
      for (std::size_t i = 0; i < json.size(); ++i)
        result.items.push_back(child(json[i], pointer, std::to_string(i), from, exactly).value);
    } else if (json.is_object()) {
      result.kind = Node::Kind::map;
      for (const auto& [key, value] : json.items())
        result.entries.push_back(child(value, pointer, key, from, exactly));
    } else if (!json.is_null()) {
      result.kind = Node::Kind::scalar;
      result.text = json.get<std::string>();
    }
    return std::make_shared<const Node>(std::move(result));
  }

 private:
  Entry child(const Json& json, const std::string& parent, const std::string& key,
              const Place& around, bool exactly) const {
    const std::string step = '/' + escaped(key);
    const std::string pointer = parent + step;
    Place from = around;
    const auto known = expanded_.places.find(pointer);
    if (known != expanded_.places.end())
      from = find_place(root_, known->second);
    else if (exactly)
      from = find_place(around, step);
    const bool is_there = known != expanded_.places.end() || (exactly && from.node != around.node);
    return {key, from.mark, node(json, pointer, from, is_there)};
  }

  Place root_;
  const Expanded& expanded_;
};

/// The sections of one short form that the config has.
Sections sections_of(const Node& root, const ShortForm& form, Place& first, Problems& problems) {
  Sections result;
  for (const Entry& entry : root.entries) {
    if (!std::ranges::any_of(form.keys, [&](const auto& key) { return key.name == entry.key; }))
      continue;
    if (result.empty()) first.mark = entry.mark;
    result.emplace(entry.key, sound_structure(entry.key, *entry.value, problems).json);
  }
  return result;
}

NodePtr entries_of(const ShortForm& form, const Sections& sections, Place root,
                   const Registry& registry, Problems& problems) {
  const Expanded expanded = form.expand(sections, registry);
  for (const auto& [pointer, what] : expanded.problems)
    problems.add(find_place(root, pointer).mark,
                 pointer.empty() ? what : pointer.substr(1) + ": " + what);
  const auto json = canonical_json(expanded.actors);
  if (!json)
    throw Error{ErrorCode::bug, "short form of " + form.origin +
                                    ": expected a list of entries as JSON, got something else"};
  return Marker{root, expanded}.node(Json::parse(*json), "", root, false);
}

}  // namespace

std::vector<std::string_view> section_keys(const Registry& registry) {
  std::vector<std::string_view> result;
  for (const ShortForm& form : registry.short_forms())
    for (const ShortForm::Key& key : form.keys) result.emplace_back(key.name);
  return result;
}

bool sets_section(const Node& root, const Registry& registry, std::string_view path) {
  const std::string_view head = path.substr(0, path.find('.'));
  const auto keys = section_keys(registry);
  if (std::ranges::find(keys, head) == keys.end()) return false;
  if (root.find(head) != nullptr || head == path) return true;
  const Entry* const actors = root.find("actors");
  return actors == nullptr || std::ranges::none_of(actors->value->items, [&](const NodePtr& entry) {
           return name_of(*entry) == head;
         });
}

NodePtr expand_short_forms(const NodePtr& root, const Registry& registry, Problems& problems) {
  NodePtr entries;
  for (const ShortForm& form : registry.short_forms()) {
    Place place{root, {}};
    const Sections sections = sections_of(*root, form, place, problems);
    if (sections.empty()) continue;
    NodePtr more = entries_of(form, sections, place, registry, problems);
    entries = entries ? merged_actors(entries, more) : std::move(more);
  }
  if (!entries) return root;
  const Entry* const actors = root->find("actors");
  if (actors == nullptr) return with_entry(*root, "actors", root->mark, std::move(entries));
  return with_entry(*root, "actors", actors->mark, merged_actors(entries, actors->value));
}

}  // namespace troupe::runtime::config
