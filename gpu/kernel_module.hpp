#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace troupe::gpu {
class KernelLibrary;

/// Raised whenever operation.hpp, kernel.hpp or this file change what crosses a module's border.
inline constexpr std::uint32_t kernel_module_abi = 2;

/// What a module's entry point returns; it lives as long as the process. The first two members stay where they
/// are in every version, so that a module of another one can be told apart.
struct KernelModule {
  std::uint32_t abi;
  const char* project_version;  ///< must be the core's
  std::shared_ptr<KernelLibrary> (*make)();
};
/// The entry point: `extern "C" const KernelModule* troupe_kernel_module()`.
using KernelModuleEntry = const KernelModule*();
inline constexpr const char* kernel_module_entry = "troupe_kernel_module";

/// A library of its own from `libtroupe_<name>.so`, sought in the folders of TROUPE_PLUGIN_PATH (separated by
/// colons), in that of the executable, and in the install folder. Null if no folder has one that can be used;
/// then, and never otherwise, `why_not` (unless null) becomes one line: each folder with its reason. The module
/// stays loaded until the process ends. Loading may change the thread's floating-point control register; it is
/// put back. Thread-safe. Throws nothing but std::bad_alloc.
std::shared_ptr<KernelLibrary> load_kernel_module(std::string_view name, std::string* why_not);

}  // namespace troupe::gpu
