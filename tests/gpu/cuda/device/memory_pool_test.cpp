#include "gpu/cuda/memory_pool.hpp"

#include <set>

using troupe::gpu::cuda::MemoryPool;

namespace {

/// So many bytes, of which nobody writes any.
struct Source {
  std::size_t room;
  std::set<void*> out;
  std::size_t asked = 0;
  std::map<void*, std::size_t> sizes = {};

  ~Source() {
    for (void* const block : out) ::operator delete(block);
  }
  MemoryPool::Source functions() {
    return {[this](std::size_t bytes) -> void* {
              ++asked;
              if (bytes > room) return nullptr;
              room -= bytes;
              void* const block = ::operator new(1);
              out.insert(block);
              sizes[block] = bytes;
              return block;
            },
            [this](void* block) {
              CHECK(out.erase(block) == 1);
              room += sizes[block];
              ::operator delete(block);
            }};
  }
};

}  // namespace

TEST_CASE("MemoryPool: a block that is given back is handed out again") {
  Source source{1 << 20, {}};
  {
    MemoryPool pool{source.functions()};
    void* const first = pool.allocate(1000);
    CHECK(pool.used_bytes() == 1024);
    pool.give_back(first);
    CHECK(pool.used_bytes() == 0);
    CHECK(pool.kept_bytes() == 1024);
    CHECK(pool.allocate(900) == first);
    CHECK(pool.allocate(900) != first);
    CHECK(source.asked == 2);
    pool.give_back(first);
    // Half of it would be wasted.
    void* const small = pool.allocate(10);
    CHECK(small != first);
    pool.give_back(small);
  }
  CHECK(source.out.size() == 1);  // the one that was never given back
}

TEST_CASE("MemoryPool: what is kept goes back before the source has no room") {
  Source source{4096, {}};
  MemoryPool pool{source.functions()};
  void* const first = pool.allocate(2048);
  void* const second = pool.allocate(1024);
  pool.give_back(first);
  pool.give_back(second);
  void* const all = pool.allocate(4096);
  CHECK(all != nullptr);
  CHECK(pool.kept_bytes() == 0);
  CHECK(pool.allocate(1) == nullptr);
  CHECK(pool.used_bytes() == 4096);
  pool.give_back(all);
  CHECK(pool.allocate(1) != nullptr);
}

TEST_CASE("MemoryPool: the smallest block that fits") {
  Source source{1 << 20, {}};
  MemoryPool pool{source.functions()};
  void* const large = pool.allocate(5 * 512 + 512);
  void* const right = pool.allocate(5 * 512);
  pool.give_back(large);
  pool.give_back(right);
  CHECK(pool.allocate(5 * 512) == right);
  CHECK(pool.allocate(5 * 512) == large);
}
