#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "actors/deployer/dispatcher.hpp"
#include "actors/deployer/http_options.hpp"
#include "runtime/parameters.hpp"

namespace troupe::actors {

class SpecReader;

/// How a deployer is run.
struct DeployerOptions {
  std::string model;
  std::string state;     ///< a folder that remembers what is deployed; empty: nothing does
  std::string replicas;  ///< the path of the group whose members may join; empty: any may
  std::string feedback;  ///< who takes feedback; empty: nobody
  std::string observer;  ///< who is told when it cannot start; empty: nobody
  HttpOptions http;
  DispatcherOptions dispatcher;
  std::int64_t max_queue = 4096;  ///< rows in the front's hands
  std::int64_t max_queue_bytes = std::int64_t{256} << 20;
  Duration load_within = std::chrono::minutes{1};
};

/// The actor type's parameters, and what they stand for.
/// @throws Error bad_input for what fault_of() of its HttpOptions says, or an unknown model's name.
std::vector<runtime::ParameterSchema> deployer_parameters();
DeployerOptions deployer_options(const runtime::Parameters& with);

/// The section `deploy` of a job's config: the same keys but model, state, replicas, feedback and observer, which the job gives, and
/// `replicas`, here a number.
struct DeploySpec {
  std::int64_t replicas = 1;
  DeployerOptions options = {};
};
DeploySpec read_deploy_spec(SpecReader& reader);

/// The parameters of an actor with these options.
runtime::Parameters to_parameters(const DeployerOptions& options);

}  // namespace troupe::actors
