#include "runtime/config/expand.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/config/order.hpp"

namespace troupe::runtime::config {
namespace {

/// Of a supervisor whose children are known and of whom the config does not say how long it may take.
void fill_in_limits(const Item& item, ChildSpec& spec) {
  Duration start{0};
  Duration stop = std::chrono::seconds{1};
  for (const ChildSpec& child : spec.supervisor->children) {
    start += child.start_within;
    stop += child.stop_within;
  }
  start = std::max<Duration>(start, std::chrono::seconds{30});
  const bool is_group = item.replicas.has_value();  // there they are those of each child
  spec.start_within = !is_group && item.start_within ? *item.start_within : start;
  spec.stop_within = !is_group && item.stop_within ? *item.stop_within : stop;
  spec.start_within = std::min(spec.start_within, longest_duration);
  spec.stop_within = std::min(spec.stop_within, longest_duration);
}

constexpr std::size_t most_parameter_bytes = std::size_t{64} << 20;

/// About how much memory the parameters of one actor take.
std::size_t weight(const Item& item) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : item.values) {
    bytes += name.size() + sizeof(ParameterValue);
    if (const auto* text = std::get_if<std::string>(&value)) bytes += text->size();
    if (const auto* structure = std::get_if<Structure>(&value)) bytes += structure->json.size();
    if (const auto* numbers = std::get_if<std::vector<double>>(&value))
      bytes += numbers->size() * sizeof(double);
    if (const auto* texts = std::get_if<std::vector<std::string>>(&value))
      for (const std::string& text : *texts) bytes += text.size() + sizeof(text);
  }
  return bytes;
}

class Expansion {
 public:
  explicit Expansion(Problems& problems) : problems_{problems} {}

  /// Whether what it comes to is within the limits, supervisors included; told if not.
  bool fits(const std::vector<Item>& items) {
    for (const Item& item : items) {
      actors_ += 1 + item.replicas.value_or(0);
      if (actors_ > most_actors) {
        problems_.add(item.mark, "expected at most " + std::to_string(most_actors) +
                                     " actors in all, supervisors and replicas counted");
        return false;
      }
      parameter_bytes_ += weight(item) * (1 + item.replicas.value_or(0));
      if (parameter_bytes_ > most_parameter_bytes) {
        problems_.add(item.mark,
                      "expected at most 64 MiB of parameters, those of each replica counted");
        return false;
      }
      if (!fits(item.children)) return false;
    }
    return true;
  }

  void add_names(const std::vector<Item>& items, const std::string& path) {
    std::vector<std::string_view>& names = names_[path];
    for (const Item& item : items) {
      names.push_back(item.name);
      const std::string child = path + "/" + item.name;
      if (item.is_supervisor) add_names(item.children, child);
      if (item.replicas) replicas_.emplace(child, *item.replicas);
    }
    std::ranges::sort(names);
  }

  std::vector<ChildSpec> children(std::vector<Item>& items, const std::string& path,
                                  std::map<std::string, ChildSpec>& groups) {
    std::vector<ChildSpec> result;
    for (const std::size_t i : start_order(items, problems_)) {
      Item& item = items[i];
      const std::string child_path = path + "/" + item.name;
      ChildSpec spec = std::move(item.spec);
      if (item.is_supervisor) {
        item.settings.children = children(item.children, child_path, groups);
        spec.supervisor = std::make_shared<const SupervisorSpec>(std::move(item.settings));
        fill_in_limits(item, spec);
      } else {
        spec.parameters = parameters(item, path);
        if (item.start_within) spec.start_within = *item.start_within;
        if (item.stop_within) spec.stop_within = *item.stop_within;
        if (item.replicas) spec = group(item, std::move(spec), child_path, groups);
      }
      spec.name = item.name;
      result.push_back(std::move(spec));
    }
    return result;
  }

 private:
  static ChildSpec group(const Item& item, ChildSpec member, const std::string& path,
                         std::map<std::string, ChildSpec>& groups) {
    SupervisorSpec supervisor = item.settings;
    for (std::uint32_t number = 0; number < *item.replicas; ++number) {
      member.name = std::to_string(number);
      supervisor.children.push_back(member);
    }
    member.name = std::to_string(*item.replicas);
    supervisor.replica = std::make_shared<const ChildSpec>(member);
    groups.emplace(path, std::move(member));
    ChildSpec spec;
    spec.supervisor = std::make_shared<const SupervisorSpec>(std::move(supervisor));
    fill_in_limits(item, spec);
    return spec;
  }

  Parameters parameters(Item& item, const std::string& path) {
    for (const auto& [name, mark] : item.path_parameters) {
      auto& text = std::get<std::string>(item.values.at(name));
      if (auto target = resolve(name, mark, text, path)) text = std::move(*target);
    }
    return Parameters{std::move(item.values)};
  }

  /// The absolute path of an actor that there is; told if there is none.
  std::optional<std::string> resolve(const std::string& parameter, const Mark& mark,
                                     const std::string& text, const std::string& base) {
    const auto refuse = [&](const std::string& why) {
      problems_.add(mark, parameter + ": " + why);
      return std::nullopt;
    };
    std::string target = text.starts_with('/') ? "" : base;
    std::string_view rest = text;
    if (rest.starts_with('/')) rest.remove_prefix(1);
    while (true) {
      const std::string_view part = rest.substr(0, rest.find('/'));
      if (part.empty()) return refuse("expected the path of an actor, got " + shown(text));
      if (part == "..") {
        if (target.empty()) return refuse(shown(text) + " leads out of the tree");
        target.erase(target.rfind('/'));
      } else if (part != ".") {
        const auto found = names_.find(target);
        const bool among = found != names_.end() && std::ranges::binary_search(found->second, part);
        if (!among && !is_member(target, part))
          return refuse("there is no actor " + shown(target + "/" + std::string{part}) +
                        problems_.nearest(part, found != names_.end() ? found->second : none_));
        target += '/';
        target += part;
      }
      if (part.size() == rest.size()) break;
      rest.remove_prefix(part.size() + 1);
    }
    if (target.empty()) return refuse("expected the path of an actor, got that of the whole tree");
    return target;
  }

  bool is_member(const std::string& group, std::string_view number) const {
    const auto found = replicas_.find(group);
    if (found == replicas_.end()) return false;
    const auto value = parse_parameter(ParameterType::integer, number);
    return value && to_string(*value) == number && std::get<std::int64_t>(*value) >= 0 &&
           std::get<std::int64_t>(*value) < found->second;
  }

  Problems& problems_;
  std::size_t actors_ = 0;
  std::size_t parameter_bytes_ = 0;
  std::map<std::string, std::vector<std::string_view>>
      names_;                                      // of a supervisor's children, sorted
  std::map<std::string, std::uint32_t> replicas_;  // of a group
  const std::vector<std::string_view> none_;
};

}  // namespace

NodeConfig expand(Checked checked, Problems& problems) {
  NodeConfig result;
  result.name = std::move(checked.name);
  Expansion expansion{problems};
  if (!expansion.fits(checked.root.children)) return result;
  expansion.add_names(checked.root.children, "");
  result.root = std::move(checked.root.settings);
  result.root.children = expansion.children(checked.root.children, "", result.groups);
  return result;
}

}  // namespace troupe::runtime::config
