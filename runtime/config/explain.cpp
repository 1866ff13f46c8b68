#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/config/config.hpp"
#include "runtime/config/structure.hpp"
#include "runtime/registry.hpp"

namespace troupe::runtime {
namespace {

std::string written(const std::string& text) {
  return to_string(ParameterValue{text});
}

std::string written(Duration duration) {
  return to_string(ParameterValue{duration});
}

std::string written(double number) {
  return to_string(ParameterValue{number});
}

/// What of a supervisor is not its children, each a line.
std::vector<std::string> settings(const SupervisorSpec& spec) {
  const Backoff& backoff = spec.backoff;
  return {"strategy: " + std::string{to_string(spec.strategy)},
          "intensity: " + std::to_string(spec.intensity), "period: " + written(spec.period),
          "backoff: {first: " + written(backoff.first) + ", limit: " + written(backoff.limit) +
              ", factor: " + written(backoff.factor) + ", jitter: " + written(backoff.jitter) +
              "}"};
}

bool is_job(const ActorType& type, std::string_view parameter) {
  return std::ranges::any_of(type.parameters, [&](const ParameterSchema& schema) {
    return schema.name == parameter && schema.belongs_to == BelongsTo::job;
  });
}

class Explanation {
 public:
  Explanation(const NodeConfig& config, const Registry& registry)
      : config_{config}, registry_{registry} {}

  std::string text() && {
    line("name: " + written(config_.name));
    if (!config_.plugins.empty()) line("plugins: " + to_string(ParameterValue{config_.plugins}));
    for (const std::string& setting : settings(config_.root)) line(setting);
    children(config_.root.children, "");
    return std::move(text_);
  }

 private:
  void line(const std::string& text) { text_ += std::string(indent_, ' ') + text + "\n"; }

  void children(const std::vector<ChildSpec>& specs, const std::string& path) {
    if (specs.empty()) return line("actors: []");
    line("actors:");
    for (const ChildSpec& spec : specs) {
      line("  - name: " + written(spec.name));
      indent_ += 4;
      const std::string child_path = path + "/" + spec.name;
      if (const auto group = config_.groups.find(child_path); group != config_.groups.end())
        actor(group->second, spec.supervisor.get());
      else if (spec.supervisor)
        supervisor(spec, child_path);
      else
        actor(spec, nullptr);
      indent_ -= 4;
    }
  }

  void limits(const ChildSpec& spec) {
    line("start_within: " + written(spec.start_within));
    line("stop_within: " + written(spec.stop_within));
  }

  void supervisor(const ChildSpec& spec, const std::string& path) {
    line("supervisor:");
    indent_ += 2;
    for (const std::string& setting : settings(*spec.supervisor)) line(setting);
    indent_ -= 2;
    line("restart: " + std::string{to_string(spec.restart)});
    limits(spec);
    children(spec.supervisor->children, path);
  }

  /// @param group  of which it is a member; null: none
  void actor(const ChildSpec& spec, const SupervisorSpec* group) {
    line("type: " + written(spec.type));
    if (group != nullptr) {
      line("replicas: " + std::to_string(group->children.size()));
      line("group:");
      indent_ += 2;
      for (const std::string& setting : settings(*group)) line(setting);
      indent_ -= 2;
    }
    if (!spec.parameters.values().empty()) line("with:");
    const ActorType* const type = registry_.find(spec.type);
    for (const auto& [name, value] : spec.parameters.values())
      parameter(name, value, type != nullptr && is_job(*type, name) ? "  # job" : "");
    line("restart: " + std::string{to_string(spec.restart)});
    line("isolation: " + std::string{to_string(spec.isolation)});
    limits(spec);
  }

  void parameter(const std::string& name, const ParameterValue& value, const std::string& comment) {
    if (const auto* structure = std::get_if<Structure>(&value))
      text_ += std::string(indent_ + 2, ' ') + written(name) + ':' +
               config::to_yaml(*structure, indent_ + 4, comment);
    else
      line("  " + written(name) + ": " + to_string(value) + comment);
  }

  const NodeConfig& config_;
  const Registry& registry_;
  std::size_t indent_ = 0;
  std::string text_;
};

}  // namespace

std::string explain(const NodeConfig& config, const Registry& registry) {
  return Explanation{config, registry}.text();
}

}  // namespace troupe::runtime
