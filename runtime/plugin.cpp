#include "runtime/plugin.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"
#include "runtime/registry.hpp"

namespace troupe::runtime {
namespace {

static_assert(std::string_view{plugin_version} == TROUPE_VERSION);

[[noreturn]] void refuse(ErrorCode code, const std::string& file, const std::string& why) {
  std::string line = "plugin " + file + ": " + why;
  std::ranges::replace(line, '\n', ' ');
  throw Error{code, line};
}

std::string last_load_error() {
  const char* const text = dlerror();
  return text != nullptr ? text : "cannot be loaded";
}

const PluginEntry& open(const std::string& file) {
  std::error_code unreadable;
  if (!std::filesystem::exists(file, unreadable))
    refuse(ErrorCode::bad_input, file, unreadable ? unreadable.message() : "no such file");
  // A name without a slash would be sought in the system's folders.
  void* const handle = dlopen(std::filesystem::absolute(file).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) refuse(ErrorCode::bad_input, file, last_load_error());
  // Never closed: code of the plugin stays reachable by actors, exceptions and exit handlers.
  auto* const function = reinterpret_cast<PluginFunction*>(dlsym(handle, plugin_entry_point));
  if (function == nullptr)
    refuse(ErrorCode::bad_input, file,
           std::string{"is no plugin: it has no "} + plugin_entry_point + "()");
  const PluginEntry* const entry = function();
  if (entry == nullptr) refuse(ErrorCode::bad_input, file, "its entry point returned nothing");
  if (entry->abi != plugin_abi)
    refuse(ErrorCode::unsupported, file,
           "expected plugin ABI " + std::to_string(plugin_abi) + ", got " +
               std::to_string(entry->abi));
  if (std::string_view{entry->project_version} != plugin_version)
    refuse(ErrorCode::unsupported, file,
           std::string{"expected version "} + plugin_version + ", got " + entry->project_version);
  return *entry;
}

}  // namespace

void load_plugin(const std::string& file, Registry& registry) {
  const FloatEnvironment restored_at_the_end;  // libraries linked with fast-math write the register
  const PluginEntry& entry = open(file);
  Registry extended = registry;
  try {
    Registry own;
    entry.register_types(own);
    for (auto [name, type] : own.types()) {
      type.origin = file;
      extended.add(std::move(type));
    }
    for (ShortForm form : own.short_forms()) {
      form.origin = file;
      extended.add_short_form(std::move(form));
    }
  } catch (const std::exception& error) {  // whatever it is, the file's name must stand in it
    refuse(ErrorCode::bad_input, file, error.what());
  }
  registry = std::move(extended);
}

bool has_plugin(const std::string& file, const Registry& registry) {
  return std::ranges::any_of(registry.types(),
                             [&](const auto& type) { return type.second.origin == file; }) ||
         std::ranges::any_of(registry.short_forms(),
                             [&](const ShortForm& form) { return form.origin == file; });
}

}  // namespace troupe::runtime
