#include "runtime/control/control_path.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "runtime/base/error.hpp"
#include "runtime/base/name.hpp"
#include "runtime/control/local_socket.hpp"
#include "runtime/control/printable.hpp"

namespace troupe::runtime {
namespace {

bool runs(const std::string& path) {
  try {
    return probe(path) == Presence::running;
  } catch (const Error&) {
    return false;  // not ours to open, or no socket: nothing that this user could talk to
  }
}

}  // namespace

EnvironmentLookup process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* const value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

std::string control_folder(const EnvironmentLookup& lookup) {
  const auto runtime_folder = lookup("XDG_RUNTIME_DIR");
  if (runtime_folder && runtime_folder->starts_with('/')) return *runtime_folder + "/troupe";
  return "/tmp/troupe-" + std::to_string(::geteuid());
}

std::string control_path(const std::string& node_name, const EnvironmentLookup& lookup) {
  if (node_name.empty() || node_name.front() == '.' ||
      !std::ranges::all_of(node_name, is_name_character))
    throw Error{ErrorCode::bad_input,
                "node name: expected letters, digits, '_', '-' and '.' (no '.' first), got \"" +
                    cut(printable(node_name), 80) + "\""};
  std::string path = control_folder(lookup) + "/" + node_name + ".sock";
  local_address(path);
  return path;
}

std::vector<std::string> running_nodes(const std::string& folder) {
  constexpr int most = 1024;  // however full the folder is, the answer comes soon
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry{folder, error};
  for (int seen = 0; !error && entry != std::filesystem::directory_iterator{} && seen < most;
       ++seen, entry.increment(error))
    if (entry->path().extension() == ".sock" && runs(entry->path().string()))
      names.push_back(entry->path().stem().string());
  std::ranges::sort(names);
  return names;
}

}  // namespace troupe::runtime
