#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "actors/deployer/rollout.hpp"
#include "actors/deployer/serving_messages.hpp"
#include "runtime/actor/context.hpp"

namespace troupe::actors {

/// The replicas that have joined a front, and which versions each one has. Sees to it that each gets what is wanted:
/// a load that fails is tried again, unless it is a candidate's. A part of the front's actor.
class ReplicaSet {
 public:
  struct Events {
    std::function<void(std::uint64_t replica, const LoadedVersionMessage&)> loaded;
    std::function<void(std::uint64_t replica, const DeployedVersion&, const std::string& why)>
        failed;
    std::function<void(std::uint64_t replica)> gone;
  };

  ReplicaSet(runtime::Context& context, Duration load_within, Events events)
      : context_{context}, load_within_{load_within}, events_{std::move(events)} {}

  /// A replica runs under that path, which has these versions and shall have those. Each call gives it a new number.
  void join(const runtime::Ref& who, const std::vector<LoadedVersionMessage>& has,
            const std::vector<DeployedVersion>& wanted);
  /// All of them shall have it, those that join later too.
  void load(const DeployedVersion& version);
  void unload(const std::string& version);

  /// Names nobody if it is gone.
  runtime::Ref ref(std::uint64_t replica) const;
  std::size_t size() const { return members_.size(); }
  std::size_t with(const std::string& version) const;
  /// Whether one of them has not yet said what came of it.
  bool loading(const DeployedVersion& version) const;

 private:
  struct Member {
    runtime::Ref ref;
    std::map<std::string, DeployedVersion> has, loading;
  };
  void leave(const std::string& path);
  void ask_load(std::uint64_t id, const DeployedVersion& version);
  void answered(std::uint64_t id, const DeployedVersion& version, const runtime::Answer& answer);

  runtime::Context& context_;
  const Duration load_within_;
  const Events events_;
  std::map<std::uint64_t, Member> members_;
  std::set<std::string> watched_;  // paths
  std::map<std::string, DeployedVersion> wanted_;
  std::uint64_t last_id_ = 0;
};

}  // namespace troupe::actors
