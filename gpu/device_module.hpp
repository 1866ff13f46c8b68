#pragma once

#include <cstdint>
#include <memory>

#include "gpu/module_loader.hpp"

namespace troupe::gpu {
class Device;
struct CudaOptions;

/// Raised whenever device.hpp, resident_data.hpp, operation.hpp, cuda_device.hpp or this file change what crosses a
/// module's border.
inline constexpr std::uint32_t device_module_abi = 2;

/// A module that makes whole devices; lives as long as the process.
struct DeviceModule : ModuleHeader {
  std::unique_ptr<Device> (*make)(const CudaOptions&);
};
/// The entry point: `extern "C" const ModuleHeader* troupe_device_module()`, of a DeviceModule.
inline constexpr const char* device_module_entry = "troupe_device_module";

}  // namespace troupe::gpu
