#include "actors/deployer/rollout.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"

namespace troupe::actors {

bool is_version_name(const std::string& name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= 64 && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), allowed);
}

void Rollout::begin(DeployedVersion candidate) {
  if (!is_version_name(candidate.version))
    throw Error{ErrorCode::bad_input,
                "deploy: expected a version of 1 to 64 letters, digits, '.', '_' or '-', got \"" +
                    candidate.version.substr(0, 80) + "\""};
  if (candidate_)
    throw Error{ErrorCode::bad_input,
                "deploy: version " + candidate_->version + " is being deployed; wait for that"};
  const auto same = [&](const DeployedVersion& other) {
    return other.version == candidate.version;
  };
  if (current_ && same(*current_))
    throw Error{ErrorCode::bad_input, "deploy: version " + candidate.version +
                                          " is what is served, from " + current_->folder};
  if (std::any_of(draining_.begin(), draining_.end(), same) && !is_draining(candidate))
    throw Error{ErrorCode::bad_input, "deploy: version " + candidate.version +
                                          " from another folder still finishes what was asked of "
                                          "it; try again"};
  candidate_ = std::move(candidate);
}

bool Rollout::is_draining(const DeployedVersion& version) const {
  return std::find(draining_.begin(), draining_.end(), version) != draining_.end();
}

void Rollout::commit() {
  if (candidate_) std::erase(draining_, *candidate_);
  if (current_) {
    draining_.push_back(*current_);
    previous_ = std::move(current_);
  }
  current_ = std::exchange(candidate_, std::nullopt);
}

void Rollout::drained(const std::string& version) {
  std::erase_if(draining_, [&](const DeployedVersion& old) { return old.version == version; });
}

DeployedVersion Rollout::previous_or_throw() const {
  if (!previous_)
    throw Error{ErrorCode::bad_input, "roll back: there is no version before this one"};
  return *previous_;
}

std::vector<DeployedVersion> Rollout::wanted() const {
  std::vector<DeployedVersion> all = draining_;
  if (current_) all.push_back(*current_);
  if (candidate_) all.push_back(*candidate_);
  return all;
}

namespace {

nlohmann::json to_json(const std::optional<DeployedVersion>& version) {
  if (!version) return nullptr;
  return {{"version", version->version}, {"folder", version->folder}};
}

std::optional<DeployedVersion> from_json(const nlohmann::json& json) {
  if (json.is_null()) return std::nullopt;
  return DeployedVersion{json.at("version").get<std::string>(),
                         json.at("folder").get<std::string>()};
}

}  // namespace

std::string deployed_json(const std::optional<DeployedVersion>& current,
                          const std::optional<DeployedVersion>& previous) {
  const nlohmann::json json = {{"current", to_json(current)}, {"previous", to_json(previous)}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

Rollout read_deployed(const std::string& json, const std::string& where) {
  try {
    const nlohmann::json root = nlohmann::json::parse(json);
    const auto current = from_json(root.at("current"));
    const auto previous = from_json(root.at("previous"));
    for (const auto& version : {current, previous})
      if (version && !is_version_name(version->version))
        throw Error{ErrorCode::corrupted, where + ": expected a version's name"};
    return Rollout{current, previous};
  } catch (const nlohmann::json::exception& error) {
    throw Error{ErrorCode::corrupted,
                where + ": expected what is deployed as JSON: " + error.what()};
  }
}

}  // namespace troupe::actors
