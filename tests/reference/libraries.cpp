#include "tests/reference/libraries.hpp"

#include <memory>

#include "gpu/kernel_module.hpp"
#include "gpu/reference/library.hpp"
#include "tests/support/narrow_library.hpp"
#include "tests/support/skip.hpp"

namespace troupe::test::reference {

Subject portable() {
  static gpu::reference::ReferenceLibrary library;
  return {"portable", library, true};
}

Subject narrow() {
  static const std::shared_ptr<gpu::KernelLibrary> library =
      make_narrow_library(std::make_shared<gpu::reference::ReferenceLibrary>());
  return {"portable, in bf16,", *library, true, gpu::DType::bf16};
}

std::shared_ptr<gpu::Storage> allocate_operand(std::size_t bytes) {
  return gpu::allocate_host(bytes);
}

std::optional<Subject> find_onednn() {
  static std::string why;
  static const std::shared_ptr<gpu::KernelLibrary> library =
      gpu::load_kernel_module("onednn", &why);
  if (!library) {
    skip(why);
    return {};
  }
  return Subject{"oneDNN", *library, false};
}

}  // namespace troupe::test::reference
