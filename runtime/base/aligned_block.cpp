#include "runtime/base/aligned_block.hpp"

#include <algorithm>
#include <new>
#include <string>

#include "runtime/base/error.hpp"

namespace troupe {
namespace {

constexpr std::align_val_t alignment{64};

}  // namespace

std::shared_ptr<std::byte> aligned_block(std::size_t size_bytes) {
  void* const block = ::operator new(std::max<std::size_t>(size_bytes, 1), alignment, std::nothrow);
  if (block == nullptr) {
    throw Error{ErrorCode::exhausted,
                "memory: expected " + std::to_string(size_bytes) + " bytes, got none"};
  }
  return {static_cast<std::byte*>(block), [](std::byte* p) { ::operator delete(p, alignment); }};
}

}  // namespace troupe
