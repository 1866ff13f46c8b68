#include "gpu/onednn/context.hpp"

#include <iterator>

#include "runtime/base/error.hpp"

namespace troupe::gpu::onednn {

void fail(const std::string& name, const std::string& attempt, dnnl_status_t status) {
  constexpr const char* meanings[] = {"success",       "out of memory", "invalid arguments",
                                      "unimplemented", "iterator ends", "runtime error",
                                      "not required"};
  const auto number = static_cast<unsigned>(status);
  const ErrorCode code = status == dnnl_out_of_memory   ? ErrorCode::exhausted
                         : status == dnnl_unimplemented ? ErrorCode::unsupported
                                                        : ErrorCode::bug;
  throw Error{code, "onednn: " + name + ": expected to " + attempt + ", got status " +
                        std::to_string(number) +
                        (number < std::size(meanings) ? std::string{", "} + meanings[number] : "")};
}

}  // namespace troupe::gpu::onednn
