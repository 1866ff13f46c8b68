#pragma once

#include <string>

#include "apps/troupe/arguments.hpp"
#include "runtime/config/config.hpp"

namespace troupe::runtime {
class Registry;
}

namespace troupe::apps {

/// Runs a config that has no problems, with progress and a summary. @return the exit code.
/// @param command  whose messages these are: "run"
/// @param file  where it was: its folder counts
/// @param resume  the command that goes on with a job that was interrupted
int run_config(const char* command, const Arguments& arguments, runtime::NodeConfig config,
               const std::string& file, const runtime::Registry& registry,
               const std::string& resume = {});

}  // namespace troupe::apps
