#pragma once

#include <cstdint>
#include <string>

namespace troupe::runtime {
class Registry;

/// Raised whenever what crosses a plugin's border changes: registry.hpp, parameters.hpp, structure.hpp, short_form.hpp, this file.
inline constexpr std::uint32_t plugin_abi = 2;
/// Of the headers that a plugin is compiled with: the project's version, as the build checks.
inline constexpr const char* plugin_version = "0.1.0";

/// What a plugin's entry point returns; it lives as long as the process. The first two members stay where they
/// are in every version, so that a plugin of another one can be told apart.
struct PluginEntry {
  std::uint32_t abi;
  const char* project_version;  ///< must be the one that the plugin is loaded into
  void (*register_types)(Registry&);
};
/// The entry point: `extern "C" const PluginEntry* troupe_plugin()`.
using PluginFunction = const PluginEntry*();
inline constexpr const char* plugin_entry_point = "troupe_plugin";

/// Makes a shared object a plugin; once in one of its sources, outside of any namespace:
///
///     void add_mine(troupe::runtime::Registry& registry) { registry.add<Mine>("mine", "Does it."); }
///     TROUPE_PLUGIN(add_mine)
#define TROUPE_PLUGIN(register_function)                                                      \
  extern "C" [[gnu::visibility("default")]] const ::troupe::runtime::PluginEntry*             \
  troupe_plugin() {                                                                           \
    static constexpr ::troupe::runtime::PluginEntry entry{                                    \
        ::troupe::runtime::plugin_abi, ::troupe::runtime::plugin_version, register_function}; \
    return &entry;                                                                            \
  }

/// Adds the actor types of a plugin; their origin is `file`, which is a path, never sought elsewhere. The
/// plugin stays loaded until the process ends. Loading may change the thread's floating-point control
/// register; it is put back.
///
/// @throws Error bad_input if the file is absent, no shared object, no plugin, or one whose types do not fit in;
/// unsupported if it is of another version. `registry` is what it was then.
void load_plugin(const std::string& file, Registry& registry);

/// Whether types of that file are in the registry already.
bool has_plugin(const std::string& file, const Registry& registry);

}  // namespace troupe::runtime
