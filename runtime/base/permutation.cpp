#include "runtime/base/permutation.hpp"

#include <string>

#include "runtime/base/error.hpp"
#include "runtime/base/permutation_inline.hpp"

namespace troupe {
namespace {
std::uint64_t checked_size(std::uint64_t size) {
  if (size == 0 || size > std::uint64_t{1} << 40) {
    throw Error{ErrorCode::bad_input,
                "permutation: expected a size of 1 to 2^40, got " + std::to_string(size)};
  }
  return size;
}
}  // namespace

Permutation::Permutation(std::uint64_t seed, std::uint64_t epoch, std::uint64_t size)
    : seed_{seed}, epoch_{epoch}, size_{checked_size(size)} {}

std::uint64_t Permutation::operator()(std::uint64_t i) const {
  if (i >= size_) {
    throw Error{ErrorCode::bad_input, "permutation: expected an index below " +
                                          std::to_string(size_) + ", got " + std::to_string(i)};
  }
  return permuted(feistel_over(size_), seed_, epoch_, i);
}

std::uint64_t sample_index(std::uint64_t seed, std::uint64_t position, std::uint64_t size) {
  const std::uint64_t epoch = position / checked_size(size);
  return Permutation{seed, epoch, size}(position % size);
}

}  // namespace troupe
