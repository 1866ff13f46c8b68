#include "gpu/kernel_module.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <system_error>
#include <vector>

#include "runtime/base/float_environment.hpp"

namespace troupe::gpu {
namespace {

std::vector<std::filesystem::path> search_folders() {
  std::vector<std::filesystem::path> folders;
  if (const char* const listed = std::getenv("TROUPE_PLUGIN_PATH")) {
    const std::string_view list = listed;
    for (std::size_t begin = 0; begin <= list.size();) {
      const std::size_t end = std::min(list.find(':', begin), list.size());
      if (end > begin) folders.emplace_back(list.substr(begin, end - begin));
      begin = end + 1;
    }
  }
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

/// Null with `reason` set where the file is none that this core can use.
std::shared_ptr<KernelLibrary> open(const std::filesystem::path& file, std::string& reason) {
  std::error_code unreadable;
  if (!std::filesystem::exists(file, unreadable)) {
    reason = unreadable ? unreadable.message() : "absent";
    return nullptr;
  }
  void* const handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    reason = last_load_error();
    return nullptr;
  }
  // Never closed: code of the module stays reachable by exceptions, thread pools and exit handlers.
  auto* const entry = reinterpret_cast<KernelModuleEntry*>(dlsym(handle, kernel_module_entry));
  if (entry == nullptr) {
    reason = last_load_error();
    return nullptr;
  }
  const KernelModule* const module = entry();
  if (module->abi != kernel_module_abi) {
    reason = "expected kernel ABI " + std::to_string(kernel_module_abi) + ", got " +
             std::to_string(module->abi);
    return nullptr;
  }
  if (std::string_view{module->project_version} != TROUPE_VERSION) {
    reason = std::string{"expected version " TROUPE_VERSION ", got "} + module->project_version;
    return nullptr;
  }
  try {
    return module->make();
  } catch (const std::exception&
               error) {  // a library that is there but cannot work is one of the reasons
    reason = error.what();
    return nullptr;
  }
}

}  // namespace

std::shared_ptr<KernelLibrary> load_kernel_module(std::string_view name, std::string* why_not) {
  const FloatEnvironment restored_at_the_end;  // libraries linked with fast-math write the register
  const auto harmless = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  std::string line = "kernel module " + std::string{name} + ": ";
  if (name.empty() || !std::ranges::all_of(name, harmless)) {
    line += "expected a name of a-z, 0-9 and _";
  } else {
    const char* separator = "";
    for (const std::filesystem::path& folder : search_folders()) {
      const std::filesystem::path file = folder / ("libtroupe_" + std::string{name} + ".so");
      std::string reason;
      if (auto library = open(file, reason)) return library;
      line += separator + file.string() + ": " + reason;
      separator = "; ";
    }
  }
  std::ranges::replace(line, '\n', ' ');
  if (why_not != nullptr) *why_not = std::move(line);
  return nullptr;
}

}  // namespace troupe::gpu
