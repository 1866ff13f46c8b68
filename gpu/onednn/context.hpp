#pragma once

#include <memory>
#include <string>

#include <oneapi/dnnl/dnnl.hpp>

#include "gpu/kernel.hpp"

namespace troupe::gpu::onednn {

/// What the kernels of one library share.
struct Context {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
};

/// What a kernel is made from, beside its operation.
struct Recipe {
  std::shared_ptr<Context> context;
  std::string name;  ///< the operation with its shape, for errors
  int threads = 1;
};

/// The one place where a status of oneDNN becomes an Error, which names the operation and what was attempted.
[[noreturn]] void fail(const std::string& name, const std::string& attempt, dnnl_status_t status);

/// Sets the number of OpenMP threads that oneDNN finds when called from this thread.
void use_threads(int threads);
/// @throws Error bad_input below 1 or above 256; exhausted if OpenMP gives this thread fewer; unsupported if one of
/// them does not compute as JOB-6 demands.
void check_threads(int threads);
/// The file that the OpenMP runtime was loaded from, as in "libgomp.so.1.0.0".
std::string openmp_runtime();

}  // namespace troupe::gpu::onednn
