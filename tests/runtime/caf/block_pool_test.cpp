#include "runtime/caf/block_pool.hpp"

#include <cstdint>

using namespace troupe::runtime;

TEST_CASE("BlockPool: a block that was let go is the next one of its size") {
  const auto pool = std::make_shared<BlockPool>();
  Block first = pool->get(1 << 20);
  const Block second = pool->get(1 << 20);
  CHECK(first.bytes != second.bytes);
  CHECK(reinterpret_cast<std::uintptr_t>(first.bytes.get()) % 64 == 0);
  const std::byte* const at = first.bytes.get();
  first = {};
  CHECK(pool->get(100).bytes.get() != at);
  CHECK(pool->get((1 << 20) - 100).bytes.get() == at);
}

TEST_CASE("BlockPool: its blocks outlive it") {
  auto pool = std::make_shared<BlockPool>();
  const Block block = pool->get(70'000);
  pool = nullptr;
  block.bytes.get()[69'999] = std::byte{1};
  CHECK(block.size == 70'000);
}
