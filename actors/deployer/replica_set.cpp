#include "actors/deployer/replica_set.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "runtime/actor/answer.hpp"
#include "serialization/malformed_frame.hpp"
#include "serialization/schema/serving.capnp.h"

namespace troupe::actors {

using runtime::Answer;
using runtime::Change;
using runtime::FailureKind;
using runtime::Ref;

namespace {
constexpr auto load_again_after = std::chrono::seconds{1};
}

void ReplicaSet::join(const Ref& who, const std::vector<LoadedVersionMessage>& has,
                      const std::vector<DeployedVersion>& wanted) {
  leave(who.path());
  const std::uint64_t id = ++last_id_;
  members_[id].ref = who;
  if (watched_.insert(who.path()).second)
    context_.watch(who, [this, path = who.path()](const Change& change) {
      if (!change.up) leave(path);
    });
  for (const DeployedVersion& version : wanted) wanted_[version.version] = version;
  for (const LoadedVersionMessage& loaded : has) {
    const auto at = wanted_.find(loaded.deployed.version);
    if (at != wanted_.end() && at->second == loaded.deployed) {
      members_[id].has.emplace(loaded.deployed.version, loaded.deployed);
      events_.loaded(id, loaded);
    } else {
      context_.tell<wire::UnloadVersion>(who, unload_frame(loaded.deployed.version));
    }
  }
  const auto all = wanted_;
  for (const auto& [name, version] : all) ask_load(id, version);
}

void ReplicaSet::leave(const std::string& path) {
  for (auto at = members_.begin(); at != members_.end(); ++at) {
    if (at->second.ref.path() != path) continue;
    const std::uint64_t id = at->first;
    members_.erase(at);
    return events_.gone(id);
  }
}

void ReplicaSet::load(const DeployedVersion& version) {
  wanted_[version.version] = version;
  for (const auto& [id, member] : members_) ask_load(id, version);
}

void ReplicaSet::unload(const std::string& version) {
  wanted_.erase(version);
  for (auto& [id, member] : members_) {
    member.has.erase(version);
    member.loading.erase(version);
    context_.tell<wire::UnloadVersion>(member.ref, unload_frame(version));
  }
}

void ReplicaSet::ask_load(std::uint64_t id, const DeployedVersion& version) {
  const auto at = members_.find(id);
  if (at == members_.end() || at->second.has.contains(version.version)) return;
  const auto wanted = wanted_.find(version.version);
  if (wanted == wanted_.end() || wanted->second != version) return;
  if (!at->second.loading.emplace(version.version, version).second) return;
  context_.ask<wire::LoadVersion>(
      at->second.ref, load_frame(version), load_within_,
      [this, id, version](const Answer& answer) { answered(id, version, answer); });
}

void ReplicaSet::answered(std::uint64_t id, const DeployedVersion& version, const Answer& answer) {
  const auto at = members_.find(id);
  if (at == members_.end()) return;
  const auto loading = at->second.loading.find(version.version);
  if (loading == at->second.loading.end() || loading->second != version) return;
  at->second.loading.erase(loading);
  std::string why;
  if (answer.ok()) {
    try {
      const LoadedVersionMessage loaded = read_loaded(answer.frame());
      at->second.has.emplace(version.version, version);
      return events_.loaded(id, loaded);
    } catch (const serialization::MalformedFrame& error) {
      why = error.what();
    }
  } else {
    const FailureKind kind = answer.failure().kind;
    if (kind == FailureKind::ended || kind == FailureKind::not_running ||
        kind == FailureKind::dropped)
      return leave(at->second.ref.path());
    why = answer.failure().text;
  }
  events_.failed(id, version, why);
  context_.after(load_again_after, [this, id, version] { ask_load(id, version); });
}

Ref ReplicaSet::ref(std::uint64_t replica) const {
  const auto at = members_.find(replica);
  return at == members_.end() ? Ref{} : at->second.ref;
}

std::size_t ReplicaSet::with(const std::string& version) const {
  return static_cast<std::size_t>(
      std::count_if(members_.begin(), members_.end(),
                    [&](const auto& entry) { return entry.second.has.contains(version); }));
}

bool ReplicaSet::loading(const DeployedVersion& version) const {
  return std::any_of(members_.begin(), members_.end(), [&](const auto& entry) {
    const auto at = entry.second.loading.find(version.version);
    return at != entry.second.loading.end() && at->second == version;
  });
}

}  // namespace troupe::actors
