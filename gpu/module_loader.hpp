#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::gpu {

/// How what a module's entry point returns begins, in every version, so that a module of another one can be told apart.
struct ModuleHeader {
  std::uint32_t abi;
  const char* project_version;  ///< must be the core's
};

/// The folders that an environment variable lists, separated by colons; none where it is not set.
std::vector<std::filesystem::path> listed_folders(const char* variable);

/// Seeks `libtroupe_<name>.so` in the folders of TROUPE_PLUGIN_PATH (separated by colons), in that of the executable,
/// and in the install folder, and hands what its entry point returns to `use`, which refuses it by throwing. True for the
/// first that is used. Else `why_not` (unless null) becomes one line: `kind`, the name, and each folder with its reason.
/// A module stays loaded until the process ends. Loading may change the thread's floating-point control register; it is
/// put back. Thread-safe. Throws nothing but std::bad_alloc.
bool load_module(std::string_view kind, std::string_view name, const char* entry, std::uint32_t abi,
                 const std::function<void(const ModuleHeader&)>& use, std::string* why_not);

}  // namespace troupe::gpu
