#pragma once

#include <cstddef>

namespace troupe::gpu::reference {

/// to = t0 + (t1 + (… + tk)), element by element and in one pass; `to` may be any of the terms. There is at
/// least one term. Integers wrap.
struct AddChainTable {
  using Add = void (*)(const std::byte* const* terms, std::size_t count, std::byte* to,
                       std::size_t elements);
  Add add_f32, add_f64, add_i64;
};

namespace baseline {
extern const AddChainTable add_chain_table;
}
namespace avx2 {
extern const AddChainTable add_chain_table;
}
namespace avx512 {
extern const AddChainTable add_chain_table;
}

}  // namespace troupe::gpu::reference
