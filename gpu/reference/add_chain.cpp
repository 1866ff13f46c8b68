#include "gpu/reference/add_chain.hpp"

#include <string>

#include "gpu/reference/add_chain_kernels.hpp"
#include "gpu/reference/isa.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"

namespace troupe::gpu::reference {

void add_chain(DType dtype, std::span<const std::byte* const> terms, std::byte* to,
               std::size_t elements) {
  if (terms.empty() || terms.size() > 64) {
    throw Error{ErrorCode::bad_input,
                "add_chain: expected 1 to 64 terms, got " + std::to_string(terms.size())};
  }
  const AddChainTable& table = TROUPE_PICK_ISA(add_chain_table);
  const FloatEnvironment environment;
  switch (dtype) {
    case DType::f32:
      return table.add_f32(terms.data(), terms.size(), to, elements);
    case DType::f64:
      return table.add_f64(terms.data(), terms.size(), to, elements);
    case DType::i64:
      return table.add_i64(terms.data(), terms.size(), to, elements);
    default:
      throw Error{ErrorCode::bad_input,
                  "add_chain: expected f32, f64 or i64, got " + std::string{to_string(dtype)}};
  }
}

}  // namespace troupe::gpu::reference
