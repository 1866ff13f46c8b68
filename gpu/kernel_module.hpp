#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gpu/module_loader.hpp"

namespace troupe::gpu {
class KernelLibrary;

/// Raised whenever operation.hpp, kernel.hpp or this file change what crosses a module's border.
inline constexpr std::uint32_t kernel_module_abi = 2;

/// What a module's entry point returns; it lives as long as the process.
struct KernelModule : ModuleHeader {
  std::shared_ptr<KernelLibrary> (*make)();
};
/// The entry point: `extern "C" const ModuleHeader* troupe_kernel_module()`, of a KernelModule.
inline constexpr const char* kernel_module_entry = "troupe_kernel_module";

/// A library of its own from `libtroupe_<name>.so`, sought as load_module() says. Null if no folder has one that can be
/// used; then, and never otherwise, `why_not` (unless null) becomes one line: each folder with its reason. Thread-safe.
/// Throws nothing but std::bad_alloc.
std::shared_ptr<KernelLibrary> load_kernel_module(std::string_view name, std::string* why_not);

}  // namespace troupe::gpu
