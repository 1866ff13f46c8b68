#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "gpu/kernel_module.hpp"
#include "gpu/onednn/context.hpp"
#include "gpu/onednn/kernels.hpp"
#include "runtime/base/error.hpp"

namespace troupe::gpu::onednn {
namespace {

std::string isa_name() {
  const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
  switch (isa) {
    case dnnl_cpu_isa_sse41:
      return "sse41";
    case dnnl_cpu_isa_avx:
      return "avx";
    case dnnl_cpu_isa_avx2:
      return "avx2";
    case dnnl_cpu_isa_avx2_vnni:
      return "avx2_vnni";
    case dnnl_cpu_isa_avx512_core:
      return "avx512_core";
    case dnnl_cpu_isa_avx512_core_vnni:
      return "avx512_core_vnni";
    case dnnl_cpu_isa_avx512_core_bf16:
      return "avx512_core_bf16";
    case dnnl_cpu_isa_avx512_core_amx:
      return "avx512_core_amx";
    default:
      return std::to_string(static_cast<unsigned>(isa));
  }
}

class Library final : public KernelLibrary {
 public:
  std::unique_ptr<Kernel> make(const Operation& operation, const KernelOptions& options) override {
    if (element_type(operation) != DType::f32) return nullptr;
    return std::visit(
        [&](const auto& op) -> std::unique_ptr<Kernel> {
          if constexpr (requires(Recipe recipe) { make_kernel(recipe, op); }) {
            check_threads(options.threads);
            if constexpr (requires { op.bias; op.activation; }) {
              // Its eltwise_gelu_tanh forms 1 + tanh(u), and loses four digits where u is about -4.
              if (op.activation == Activation::gelu) return nullptr;
            }
            const Recipe recipe{context_, describe(operation), options.threads};
            try {
              return make_kernel(recipe, op);
            } catch (const dnnl::error& error) {
              if (error.status == dnnl_unimplemented) return nullptr;
              fail(recipe.name, "be made", error.status);
            }
          } else {
            return nullptr;
          }
        },
        operation);
  }

  std::size_t workspace_bytes(const Operation& operation) override {
    return std::visit(
        [&](const auto& op) -> std::size_t {
          if constexpr (requires { onednn::workspace_bytes(*context_, op); }) {
            try {
              return onednn::workspace_bytes(*context_, op);
            } catch (const dnnl::error& error) {
              fail(describe(operation), "tell its workspace", error.status);
            }
          } else {
            return 0;
          }
        },
        operation);
  }

  std::vector<std::pair<std::string, std::string>> machine_record() const override {
    const dnnl_version_t& version = *dnnl_version();
    return {{"onednn.version", std::to_string(version.major) + "." + std::to_string(version.minor) +
                                   "." + std::to_string(version.patch)},
            {"onednn.isa", isa_name()},
            {"onednn.openmp", openmp_runtime()}};
  }

 private:
  std::shared_ptr<Context> context_ = std::make_shared<Context>();
};

std::shared_ptr<KernelLibrary> make_library() {
  if (dnnl_version()->cpu_runtime != DNNL_RUNTIME_OMP) {
    throw Error{ErrorCode::unsupported,
                "onednn: expected a libdnnl that runs on OpenMP, got threading runtime " +
                    std::to_string(dnnl_version()->cpu_runtime)};
  }
  return std::make_shared<Library>();
}

constexpr KernelModule this_module{{kernel_module_abi, TROUPE_VERSION}, make_library};

}  // namespace
}  // namespace troupe::gpu::onednn

extern "C" [[gnu::visibility("default")]] const troupe::gpu::ModuleHeader* troupe_kernel_module() {
  return &troupe::gpu::onednn::this_module;
}
