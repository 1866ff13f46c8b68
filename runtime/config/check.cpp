#include "runtime/config/check.hpp"

#include <chrono>

#include "runtime/config/short_forms.hpp"
#include "runtime/config/values.hpp"
#include "runtime/registry.hpp"

namespace troupe::runtime::config {
namespace {

ParameterSchema one_of(std::string name, std::vector<std::string> choices) {
  return {.name = std::move(name),
          .type = ParameterType::text,
          .help = "",
          .choices = std::move(choices)};
}

ParameterSchema between(std::string name, ParameterType type, double minimum, double maximum) {
  return {
      .name = std::move(name), .type = type, .help = "", .minimum = minimum, .maximum = maximum};
}

ParameterSchema duration(std::string name, double minimum) {
  constexpr double longest = std::chrono::duration<double>{longest_duration}.count();
  return between(std::move(name), ParameterType::duration, minimum, longest);
}

constexpr double shortest = 1e-3;  // a millisecond; less could not be kept

template <class T>
void read(const Node& map, const ParameterSchema& schema, T& into, Problems& problems) {
  if (auto value = read_key(map, schema, problems)) into = std::get<T>(std::move(*value));
}

void read_duration(const Node& map, std::string name, std::optional<Duration>& into,
                   Problems& problems) {
  if (const auto value = read_key(map, duration(std::move(name), shortest), problems))
    into = std::get<Duration>(*value);
}

/// One of an enum's values, by its name.
template <class T>
void read_choice(const Node& map, std::string name, std::initializer_list<T> all, T& into,
                 Problems& problems) {
  std::vector<std::string> names;
  for (const T each : all) names.emplace_back(to_string(each));
  const auto value = read_key(map, one_of(std::move(name), std::move(names)), problems);
  if (!value) return;
  for (const T each : all)
    if (to_string(each) == std::get<std::string>(*value)) into = each;
}

void read_backoff(const Node& node, Backoff& backoff, Problems& problems) {
  if (!check_map("backoff", node, {"first", "limit", "factor", "jitter"}, problems)) return;
  read(node, duration("first", 0), backoff.first, problems);
  read(node, duration("limit", shortest), backoff.limit, problems);
  read(node, between("factor", ParameterType::number, 1, 1000), backoff.factor, problems);
  read(node, between("jitter", ParameterType::number, 0, 1), backoff.jitter, problems);
}

void read_settings(const Node& node, SupervisorSpec& spec, Problems& problems) {
  read_choice(node, "strategy",
              {Strategy::one_for_one, Strategy::one_for_all, Strategy::rest_for_one}, spec.strategy,
              problems);
  std::int64_t intensity = spec.intensity;
  read(node, between("intensity", ParameterType::integer, 0, 10'000), intensity, problems);
  spec.intensity = static_cast<std::uint32_t>(intensity);
  read(node, duration("period", shortest), spec.period, problems);
  if (const Entry* const backoff = node.find("backoff"))
    read_backoff(*backoff->value, spec.backoff, problems);
}

class Checker {
 public:
  Checker(const Registry& registry, bool isolation_available, Problems& problems)
      : registry_{registry}, isolation_available_{isolation_available}, problems_{problems} {
    for (const auto& [name, type] : registry.types()) type_names_.push_back(name);
  }

  std::vector<Item> items(const Node& list) {
    std::vector<Item> result;
    if (list.kind == Node::Kind::nothing || list.faulty) return result;
    if (list.kind != Node::Kind::list) {
      problems_.add(list.mark, "actors: expected a list, got " + shown(list));
      return result;
    }
    std::map<std::string, Mark> taken;
    for (const NodePtr& node : list.items) {
      Item one = item(*node, taken);
      if (!one.name.empty()) result.push_back(std::move(one));
    }
    return result;
  }

 private:
  Item item(const Node& node, std::map<std::string, Mark>& taken) {
    Item result;
    result.mark = node.mark;
    if (node.kind != Node::Kind::map) {
      if (!node.faulty)
        problems_.add(node.mark,
                      "actors: expected a map with a name and a type, got " + shown(node));
      return result;
    }
    result.is_supervisor = node.find("supervisor") != nullptr || node.find("actors") != nullptr;
    check_map(result.is_supervisor ? "supervisor" : "actor", node,
              result.is_supervisor ? supervisor_keys() : actor_keys(), problems_);
    result.name = name(node, taken);
    read_after(node, result);
    read_choice(node, "restart", {Restart::permanent, Restart::transient, Restart::temporary},
                result.spec.restart, problems_);
    read_duration(node, "start_within", result.start_within, problems_);
    read_duration(node, "stop_within", result.stop_within, problems_);
    if (result.is_supervisor)
      supervisor(node, result);
    else
      actor(node, result);
    return result;
  }

  std::string name(const Node& node, std::map<std::string, Mark>& taken) {
    const Entry* const entry = node.find("name");
    if (entry == nullptr) {
      problems_.add(node.mark, "expected a name, got none");
      return "";
    }
    if (!check_name(*entry->value, problems_)) return "";
    const auto [first, is_new] = taken.emplace(entry->value->text, entry->value->mark);
    if (is_new) return entry->value->text;
    problems_.add(entry->value->mark,
                  "name: " + shown(entry->value->text) + " is the name of another one beside it" +
                      (first->second.line > 0 ? ", at line " + std::to_string(first->second.line)
                                              : std::string{}));
    return "";
  }

  void read_after(const Node& node, Item& item) {
    const Entry* const after = node.find("after");
    if (after == nullptr || after->value->faulty) return;
    if (after->value->kind != Node::Kind::list) {
      problems_.add(after->value->mark,
                    "after: expected a list of names, got " + shown(*after->value));
      return;
    }
    const ParameterSchema sibling{.name = "after", .type = ParameterType::text, .help = ""};
    for (const NodePtr& each : after->value->items)
      if (auto value = read_value(sibling, *each, problems_))
        item.after.push_back({each->mark, std::get<std::string>(std::move(*value))});
  }

  void supervisor(const Node& node, Item& item) {
    if (const Entry* const settings = node.find("supervisor"))
      if (check_map("supervisor", *settings->value, settings_keys(), problems_))
        read_settings(*settings->value, item.settings, problems_);
    if (const Entry* const actors = node.find("actors"))
      item.children = items(*actors->value);
    else
      problems_.add(node.mark, "a supervisor needs 'actors', a list");
  }

  void actor(const Node& node, Item& item) {
    if (const auto value =
            read_key(node, between("replicas", ParameterType::integer, 0, most_actors), problems_))
      item.replicas = static_cast<std::uint32_t>(std::get<std::int64_t>(*value));
    else if (node.find("replicas") != nullptr)
      item.replicas = 0;  // told already; so nothing else is told because of it
    group(node, item);
    read_choice(node, "isolation", {Isolation::none, Isolation::process}, item.spec.isolation,
                problems_);
    if (item.spec.isolation == Isolation::process && !isolation_available_)
      problems_.add(
          node.find("isolation")->value->mark,
          "isolation: 'process' is not available: main must call runtime::worker_main first");
    const Entry* const type = node.find("type");
    if (type == nullptr) {
      problems_.add(node.mark, "expected a type, or actors, got neither");
      return;
    }
    const ParameterSchema type_name{.name = "type", .type = ParameterType::text, .help = ""};
    const auto value = read_value(type_name, *type->value, problems_);
    if (!value) return;
    item.spec.type = std::get<std::string>(*value);
    const ActorType* const found = registry_.find(item.spec.type);
    if (found == nullptr)
      problems_.add(type->value->mark, "type: there is no actor type " + shown(item.spec.type) +
                                           problems_.nearest(item.spec.type, type_names_));
    else
      parameters(node, *found, item);
  }

  /// How the members of a group are restarted.
  void group(const Node& node, Item& item) {
    const Entry* const settings = node.find("group");
    if (settings == nullptr) return;
    if (!item.replicas)
      problems_.add(settings->mark, "group: expected 'replicas' beside it, got none");
    if (check_map("group", *settings->value, settings_keys(), problems_))
      read_settings(*settings->value, item.settings, problems_);
  }

  void parameters(const Node& node, const ActorType& type, Item& item) {
    static const Node nothing;
    const Entry* const with = node.find("with");
    const Node& given = with != nullptr ? *with->value : nothing;
    std::vector<std::string_view> names;
    for (const ParameterSchema& schema : type.parameters) names.push_back(schema.name);
    if (!check_map("with", given, names, problems_)) return;
    for (const ParameterSchema& schema : type.parameters) {
      const Entry* const entry = given.find(schema.name);
      if (entry == nullptr && !schema.default_value) {
        problems_.add(with != nullptr ? with->mark : node.mark,
                      "type " + type.name + " needs the parameter '" + schema.name + "', " +
                          std::string{expected_form(schema.type)});
        continue;
      }
      auto value = entry != nullptr ? value_of(schema, *entry) : schema.default_value;
      if (!value) continue;
      if (schema.type == ParameterType::path)
        item.path_parameters.emplace(schema.name, entry->value->mark);
      item.values.emplace(schema.name, std::move(*value));
    }
  }

  std::optional<ParameterValue> value_of(const ParameterSchema& schema, const Entry& entry) {
    if (schema.type == ParameterType::structure)
      return read_structure(schema, {entry.value, entry.mark}, problems_);
    return read_value(schema, *entry.value, problems_);
  }

  const Registry& registry_;
  bool isolation_available_;
  Problems& problems_;
  std::vector<std::string_view> type_names_;
};

}  // namespace

const std::vector<std::string_view>& root_keys() {
  static const std::vector<std::string_view> keys = {"name",   "plugins", "strategy", "intensity",
                                                     "period", "backoff", "actors"};
  return keys;
}

const std::vector<std::string_view>& actor_keys() {
  static const std::vector<std::string_view> keys = {
      "name",    "type",      "replicas",     "group",       "with",
      "restart", "isolation", "start_within", "stop_within", "after"};
  return keys;
}

const std::vector<std::string_view>& supervisor_keys() {
  static const std::vector<std::string_view> keys = {
      "name", "supervisor", "actors", "restart", "start_within", "stop_within", "after"};
  return keys;
}

const std::vector<std::string_view>& settings_keys() {
  static const std::vector<std::string_view> keys = {"strategy", "intensity", "period", "backoff"};
  return keys;
}

std::vector<Located> plugins_of(const Node& root) {
  std::vector<Located> result;
  const Entry* const plugins = root.find("plugins");
  if (plugins == nullptr) return result;
  for (const NodePtr& item : plugins->value->items)
    if (item->kind == Node::Kind::scalar && !item->faulty && !item->text.empty())
      result.push_back({item->mark, item->text});
  return result;
}

Checked check(const Node& root, const Registry& registry, bool isolation_available,
              Problems& problems) {
  Checked result;
  if (root.kind != Node::Kind::map) {
    problems.add(root.mark, "expected a map with a name and actors, got " + shown(root));
    return result;
  }
  std::vector<std::string_view> keys = root_keys();
  const auto sections = section_keys(registry);
  keys.insert(keys.end(), sections.begin(), sections.end());
  check_map("config", root, keys, problems);
  if (const Entry* const name = root.find("name")) {
    if (check_name(*name->value, problems)) result.name = name->value->text;
  } else {
    problems.add(root.mark, "expected the node's name, as in name: demo, got none");
  }
  const ParameterSchema plugins{.name = "plugins", .type = ParameterType::texts, .help = ""};
  if (const Entry* const entry = root.find("plugins")) {
    read_value(plugins, *entry->value, problems);
    for (const NodePtr& item : entry->value->items)
      if (item->kind == Node::Kind::scalar && !item->faulty &&
          (item->text.empty() || item->text.find('\0') != std::string::npos))
        problems.add(item->mark, "plugins: expected a file, got " + shown(*item));
    result.plugins = plugins_of(root);
  }
  read_settings(root, result.root.settings, problems);
  if (const Entry* const actors = root.find("actors"))
    result.root.children = Checker{registry, isolation_available, problems}.items(*actors->value);
  else
    problems.add(root.mark, "expected actors, a list, got none");
  return result;
}

}  // namespace troupe::runtime::config
