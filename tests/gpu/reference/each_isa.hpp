#pragma once

#include <vector>

#include "gpu/reference/isa.hpp"

namespace troupe::test {

/// `tables` stand in the order of Isa; those stay that this processor can run.
template <class Table>
std::vector<const Table*> runnable(std::vector<const Table*> tables) {
  const auto widest = static_cast<std::size_t>(gpu::reference::isa());
  if (tables.size() > widest + 1) tables.resize(widest + 1);
  return tables;
}

}  // namespace troupe::test

/// Addresses of all copies of a kernel table that this processor can run, the baseline's first.
#if defined(__x86_64__)
#define TROUPE_EACH_ISA(table)                                                     \
  ::troupe::test::runnable(std::vector{&::troupe::gpu::reference::baseline::table, \
                                       &::troupe::gpu::reference::avx2::table,     \
                                       &::troupe::gpu::reference::avx512::table})
#else
#define TROUPE_EACH_ISA(table)                 \
  std::vector {                                \
    &::troupe::gpu::reference::baseline::table \
  }
#endif
