#pragma once

#include <optional>
#include <string>
#include <vector>

namespace troupe::actors {

/// A version and where it is loaded from.
struct DeployedVersion {
  std::string version;
  std::string folder;

  bool operator==(const DeployedVersion&) const = default;
};

/// Whether a text may name a version: 1 to 64 letters, digits, '.', '_', '-', not beginning with '.'.
bool is_version_name(const std::string& name);

/// Which versions there are, and what becomes of each:
///
///     begin -> candidate -> commit -> current -> (the next commit) -> draining -> drained -> gone
///                       \-> abandon -> gone
///
/// - ROLL-1: what is current stays so until a candidate is committed.
/// - ROLL-2: what was current drains: requests that are in flight finish on it. It may be a candidate meanwhile.
/// - ROLL-3: the previous one is remembered when it is gone, so that one order brings it back.
class Rollout {
 public:
  Rollout() = default;
  /// As it was before a restart.
  Rollout(std::optional<DeployedVersion> current, std::optional<DeployedVersion> previous)
      : current_{std::move(current)}, previous_{std::move(previous)} {}

  /// @throws Error bad_input if another one is under way, if the name is none or is in use.
  void begin(DeployedVersion candidate);
  void abandon() { candidate_.reset(); }
  void commit();
  void drained(const std::string& version);

  const std::optional<DeployedVersion>& current() const { return current_; }
  const std::optional<DeployedVersion>& candidate() const { return candidate_; }
  /// What a rollback goes to. @throws Error bad_input from previous_or_throw() if there is none.
  const std::optional<DeployedVersion>& previous() const { return previous_; }
  DeployedVersion previous_or_throw() const;
  const std::vector<DeployedVersion>& draining() const { return draining_; }
  bool is_draining(const DeployedVersion& version) const;
  /// What replicas must have: current, draining and the candidate.
  std::vector<DeployedVersion> wanted() const;

 private:
  std::optional<DeployedVersion> current_, previous_, candidate_;
  std::vector<DeployedVersion> draining_;
};

/// What `deployed.json` says: {"current": {"version", "folder"}, "previous": …}.
std::string deployed_json(const std::optional<DeployedVersion>& current,
                          const std::optional<DeployedVersion>& previous);
/// @throws Error corrupted if it says something else.
Rollout read_deployed(const std::string& json, const std::string& where);

}  // namespace troupe::actors
