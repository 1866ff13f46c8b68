#include "runtime/config/merge.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace troupe::runtime::config {
namespace {

/// In the place of what has its key, if anything has.
void put(Node& map, Entry entry) {
  const auto found = std::ranges::find(map.entries, entry.key, &Entry::key);
  if (found != map.entries.end())
    *found = std::move(entry);
  else
    map.entries.push_back(std::move(entry));
}

NodePtr merged_keys(const NodePtr& first, const NodePtr& second) {
  if (first->kind != Node::Kind::map || second->kind != Node::Kind::map) return second;
  Node result = *first;
  for (const Entry& entry : second->entries) put(result, entry);
  return std::make_shared<const Node>(std::move(result));
}

NodePtr merged_entry(const NodePtr& first, const NodePtr& second) {
  Node result = *first;
  result.mark = second->mark;
  for (const auto& [key, mark, value] : second->entries) {
    const Entry* const before = first->find(key);
    NodePtr both = value;
    if (before != nullptr && key == "actors")
      both = merged_actors(before->value, value);
    else if (before != nullptr && (key == "with" || key == "supervisor"))
      both = merged_keys(before->value, value);
    put(result, {key, mark, std::move(both)});
  }
  return std::make_shared<const Node>(std::move(result));
}

}  // namespace

std::string_view name_of(const Node& entry) {
  const Entry* const name = entry.kind == Node::Kind::map ? entry.find("name") : nullptr;
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

NodePtr merged_actors(const NodePtr& first, const NodePtr& second) {
  if (second->kind == Node::Kind::nothing) return first;
  if (first->kind != Node::Kind::list || second->kind != Node::Kind::list) return second;
  Node result = *first;
  std::map<std::string, std::size_t, std::less<>> index;
  for (std::size_t i = 0; i < result.items.size(); ++i) index.emplace(name_of(*result.items[i]), i);
  for (const NodePtr& entry : second->items) {
    const std::string_view name = name_of(*entry);
    const auto found = index.find(name);
    if (found == index.end() || name.empty()) {
      result.items.push_back(entry);
    } else {
      result.items[found->second] = merged_entry(result.items[found->second], entry);
      index.erase(found);  // a second one of that name is told as such
    }
  }
  return std::make_shared<const Node>(std::move(result));
}

}  // namespace troupe::runtime::config
