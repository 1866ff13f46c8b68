#include "runtime/base/block_cache.hpp"

#include <cstring>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

using troupe::BlockCache;

TEST_CASE("BlockCache: a block that was put is got again, by its thread or, in batches, by another one") {
  using Cache = BlockCache<100>;
  void* const block = Cache::get();
  std::memset(block, 0xFF, 100);
  Cache::put(block);
  CHECK(Cache::get() == block);
  std::set<void*> put;
  for (std::size_t i = 0; i < 3 * Cache::batch; ++i) put.insert(Cache::get());
  CHECK(put.size() == 3 * Cache::batch);
  for (void* const each : put) Cache::put(each);
  std::size_t known = 0;
  std::thread{[&] {
    std::vector<void*> got;
    for (std::size_t i = 0; i < Cache::batch; ++i) got.push_back(Cache::get());
    for (void* const each : got) known += put.contains(each), Cache::put(each);
  }}.join();
  CHECK(known == Cache::batch);
  Cache::put(block);
}

TEST_CASE("BlockCache: what is kept is bounded") {
  using Cache = BlockCache<24>;
  std::vector<void*> blocks;
  for (std::size_t i = 0; i < (Cache::most_batches + 4) * Cache::batch; ++i) blocks.push_back(Cache::get());
  for (void* const block : blocks) Cache::put(block);  // the last ones go back to the system
}

TEST_CASE("BlockCache: blocks go from thread to thread, and none is two at once") {
  using Cache = BlockCache<64>;
  constexpr std::size_t count = 50'000;
  std::mutex mutex;
  std::deque<void*> sent;
  const auto send = [&](unsigned char mark) {
    for (std::size_t i = 0; i < count; ++i) {
      void* const block = Cache::get();
      std::memset(block, mark, 64);
      const std::lock_guard lock{mutex};
      sent.push_back(block);
    }
  };
  std::size_t torn = 0;
  const auto take = [&] {
    for (std::size_t taken = 0; taken < 2 * count;) {
      void* block = nullptr;
      {
        const std::lock_guard lock{mutex};
        if (sent.empty()) continue;
        block = sent.front();
        sent.pop_front();
      }
      const auto* const bytes = static_cast<const unsigned char*>(block);
      torn += std::memcmp(bytes, bytes + 1, 63) != 0;
      Cache::put(block);
      ++taken;
    }
  };
  std::thread a{send, 1}, b{send, 2}, c{take};
  a.join();
  b.join();
  c.join();
  CHECK(torn == 0);
}
