#include "gpu/module_loader.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <system_error>

#include "runtime/base/float_environment.hpp"

namespace troupe::gpu {
namespace {

std::vector<std::filesystem::path> search_folders() {
  std::vector<std::filesystem::path> folders = listed_folders("TROUPE_PLUGIN_PATH");
  std::error_code no_proc;
  const std::filesystem::path executable = std::filesystem::read_symlink("/proc/self/exe", no_proc);
  if (!no_proc) folders.push_back(executable.parent_path());
  folders.emplace_back(TROUPE_PLUGIN_DIR);
  return folders;
}

std::string last_load_error() {
  const char* const text = dlerror();
  return text != nullptr ? text : "cannot be loaded";
}

/// Whether `use` took the file; else `reason` says why not.
bool open(const std::filesystem::path& file, const char* entry_name, std::uint32_t abi,
          const std::function<void(const ModuleHeader&)>& use, std::string& reason) {
  std::error_code unreadable;
  if (!std::filesystem::exists(file, unreadable)) {
    reason = unreadable ? unreadable.message() : "absent";
    return false;
  }
  void* const handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    reason = last_load_error();
    return false;
  }
  // Never closed: code of the module stays reachable by exceptions, thread pools and exit handlers.
  auto* const entry = reinterpret_cast<const ModuleHeader* (*)()>(dlsym(handle, entry_name));
  if (entry == nullptr) {
    reason = last_load_error();
    return false;
  }
  const ModuleHeader* const module = entry();
  if (module->abi != abi) {
    reason = "expected ABI " + std::to_string(abi) + ", got " + std::to_string(module->abi);
    return false;
  }
  if (std::string_view{module->project_version} != TROUPE_VERSION) {
    reason = std::string{"expected version " TROUPE_VERSION ", got "} + module->project_version;
    return false;
  }
  try {
    use(*module);
    return true;
  } catch (const std::exception&
               error) {  // a library that is there but cannot work is one of the reasons
    reason = error.what();
    return false;
  }
}

}  // namespace

std::vector<std::filesystem::path> listed_folders(const char* variable) {
  std::vector<std::filesystem::path> folders;
  const char* const value = std::getenv(variable);
  const std::string_view list = value != nullptr ? value : "";
  for (std::size_t begin = 0; begin < list.size();) {
    const std::size_t end = std::min(list.find(':', begin), list.size());
    if (end > begin) folders.emplace_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return folders;
}

bool load_module(std::string_view kind, std::string_view name, const char* entry, std::uint32_t abi,
                 const std::function<void(const ModuleHeader&)>& use, std::string* why_not) {
  const FloatEnvironment restored_at_the_end;  // libraries linked with fast-math write the register
  const auto harmless = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  std::string line = std::string{kind} + " " + std::string{name} + ": ";
  if (name.empty() || !std::ranges::all_of(name, harmless)) {
    line += "expected a name of a-z, 0-9 and _";
  } else {
    const char* separator = "";
    for (const std::filesystem::path& folder : search_folders()) {
      const std::filesystem::path file = folder / ("libtroupe_" + std::string{name} + ".so");
      std::string reason;
      if (open(file, entry, abi, use, reason)) return true;
      line += separator + file.string() + ": " + reason;
      separator = "; ";
    }
  }
  std::ranges::replace(line, '\n', ' ');
  if (why_not != nullptr) *why_not = std::move(line);
  return false;
}

}  // namespace troupe::gpu
