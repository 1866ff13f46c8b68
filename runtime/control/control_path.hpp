#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::runtime {

/// A variable's value, or nothing where it is not set.
using EnvironmentLookup = std::function<std::optional<std::string>(const std::string& name)>;

/// Reads this process's environment, at the call.
EnvironmentLookup process_environment();

/// The folder of this user's control sockets: $XDG_RUNTIME_DIR/troupe if that variable holds an absolute
/// path, else /tmp/troupe-UID.
std::string control_folder(const EnvironmentLookup& lookup);

/// Where a node of this name listens: control_folder()/NAME.sock.
/// @throws Error bad_input for a name that is not of letters, digits, '_', '-' and '.' (no '.' first), or
/// for a path past the 107 bytes that a UNIX socket's may have.
std::string control_path(const std::string& node_name, const EnvironmentLookup& lookup);

/// The names of the nodes that answer in a control folder, sorted; none if there is no such folder or
/// it cannot be read.
std::vector<std::string> running_nodes(const std::string& folder);

}  // namespace troupe::runtime
