#include "runtime/config/order.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <queue>
#include <string>
#include <string_view>

namespace troupe::runtime::config {
namespace {

using Edges = std::vector<std::vector<std::size_t>>;

/// For each item those that have to start before it.
Edges edges_of(const std::vector<Item>& items, Problems& problems) {
  std::map<std::string_view, std::size_t> index;
  std::vector<std::string_view> names;
  for (const Item& item : items) {
    index.emplace(item.name, names.size());
    names.emplace_back(item.name);
  }
  Edges before(items.size());
  for (std::size_t i = 0; i < items.size(); ++i)
    for (const Located& name : items[i].after) {
      const auto found = index.find(name.text);
      if (found == index.end())
        problems.add(name.mark, "after: there is no " + shown(name.text) + " beside it" +
                                    problems.nearest(name.text, names));
      else
        before[i].push_back(found->second);
    }
  return before;
}

void tell_cycle(const std::vector<Item>& items, const std::vector<std::size_t>& cycle,
                Problems& problems) {
  constexpr std::size_t most_named = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(cycle.size(), most_named); ++i)
    text += items[cycle[i]].name + " after ";
  if (cycle.size() > most_named) text += "... after ";
  const Item& first = items[cycle.front()];
  problems.add(first.after.front().mark, "after: a cycle, " + text + first.name);
}

/// Told of: each cycle among the items that could not be put in order. Such an item has to start after another
/// such, so whoever goes back from one meets a cycle.
void tell_cycles(const std::vector<Item>& items, const Edges& before,
                 const std::vector<std::size_t>& missing, Problems& problems) {
  std::vector<std::size_t> walk_of(items.size(), 0);  // 0: on none yet
  for (std::size_t i = 0, walk = 1; i < items.size(); ++i, ++walk) {
    if (missing[i] == 0) continue;
    std::vector<std::size_t> trail;
    std::size_t at = i;
    while (walk_of[at] == 0) {
      walk_of[at] = walk;
      trail.push_back(at);
      at = *std::ranges::find_if(before[at], [&](std::size_t b) { return missing[b] != 0; });
    }
    if (walk_of[at] != walk) continue;
    trail.erase(trail.begin(), std::ranges::find(trail, at));
    std::rotate(trail.begin(), std::ranges::min_element(trail), trail.end());
    tell_cycle(items, trail, problems);
  }
}

}  // namespace

std::vector<std::size_t> start_order(const std::vector<Item>& items, Problems& problems) {
  const Edges before = edges_of(items, problems);
  Edges behind(items.size());
  std::vector<std::size_t> missing(items.size());  // how many of those before have not started
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  for (std::size_t i = 0; i < items.size(); ++i) {
    missing[i] = before[i].size();
    for (const std::size_t b : before[i]) behind[b].push_back(i);
    if (missing[i] == 0) ready.push(i);
  }
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    const std::size_t next = ready.top();
    ready.pop();
    order.push_back(next);
    for (const std::size_t b : behind[next])
      if (--missing[b] == 0) ready.push(b);
  }
  if (order.size() < items.size()) tell_cycles(items, before, missing, problems);
  return order;
}

}  // namespace troupe::runtime::config
