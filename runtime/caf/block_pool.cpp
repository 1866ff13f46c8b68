#include "runtime/caf/block_pool.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "runtime/base/aligned_block.hpp"

namespace troupe::runtime {
namespace {

constexpr std::size_t most_spares = 8;
constexpr std::size_t most_room = std::size_t{2} << 20;  // of a spare
constexpr std::size_t step = 64 * 1024;                  // frames of nearly one size share blocks

}  // namespace

Block BlockPool::get(std::size_t size) {
  Spare spare{(size + step - 1) / step * step, nullptr};
  {
    const std::lock_guard lock{mutex_};
    const auto at = std::find_if(spares_.rbegin(), spares_.rend(),
                                 [&](const Spare& s) { return s.room == spare.room; });
    if (at != spares_.rend()) {
      spare = std::move(*at);
      spares_.erase(std::next(at).base());
    }
  }
  if (!spare.bytes) spare.bytes = aligned_block(spare.room);
  std::byte* const begin = spare.bytes.get();
  const auto give_back = [pool = weak_from_this(), spare = std::move(spare)](std::byte*) mutable {
    if (const auto still = pool.lock()) still->put(std::move(spare));
  };
  return {std::shared_ptr<std::byte>{begin, give_back}, size};
}

void BlockPool::put(Spare spare) {
  if (spare.room > most_room) return;
  const std::lock_guard lock{mutex_};
  if (spares_.size() == most_spares) spares_.erase(spares_.begin());
  spares_.push_back(std::move(spare));
}

}  // namespace troupe::runtime
