#include <map>
#include <span>
#include <string>

#include "runtime/base/error.hpp"
#include "runtime/config/config.hpp"
#include "runtime/registry.hpp"
#include "serialization/sha256.hpp"

namespace troupe::runtime {
namespace {

/// Every actor by its path, a group as one.
void gather(const NodeConfig& config, const SupervisorSpec& supervisor, const std::string& path,
            std::map<std::string, const ChildSpec*>& actors) {
  for (const ChildSpec& child : supervisor.children) {
    const std::string child_path = path + "/" + child.name;
    if (const auto group = config.groups.find(child_path); group != config.groups.end())
      actors.emplace(child_path, &group->second);
    else if (child.supervisor)
      gather(config, *child.supervisor, child_path, actors);
    else
      actors.emplace(child_path, &child);
  }
}

}  // namespace

std::string job_fingerprint(const NodeConfig& config, const Registry& registry) {
  std::map<std::string, const ChildSpec*> actors;
  gather(config, config.root, "", actors);
  // Values are written on one line, and names have no spaces, so no two jobs give one text.
  std::string job = "troupe job 1\n";
  for (const auto& [path, actor] : actors) {
    const ActorType* const type = registry.find(actor->type);
    if (type == nullptr)
      throw Error{ErrorCode::bad_input, path + ": there is no actor type " + actor->type};
    std::map<std::string, std::string> parameters;
    for (const ParameterSchema& schema : type->parameters) {
      if (schema.belongs_to != BelongsTo::job) continue;
      const auto value = actor->parameters.values().find(schema.name);
      if (value == actor->parameters.values().end())
        throw Error{ErrorCode::bad_input, path + ": the parameter " + schema.name + " is missing"};
      parameters.emplace(schema.name, to_string(value->second));
    }
    if (parameters.empty()) continue;
    job += path + " " + actor->type + "\n";
    for (const auto& [name, value] : parameters) job += "  " + name + " = " + value + "\n";
  }
  return serialization::to_hex(serialization::sha256(std::as_bytes(std::span{job})));
}

}  // namespace troupe::runtime
