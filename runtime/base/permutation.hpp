#pragma once

#include <cstdint>

namespace troupe {

/// A keyed permutation of 0 ... size - 1, evaluated at any point in O(1) time and memory: the order
/// of one epoch (JOB-1). Equal (seed, epoch, size) give equal values on every machine.
///
/// A Feistel network over the smallest power of two that holds `size`, with Philox (purpose
/// shuffle) as its round function; a value outside is sent through again until it falls inside. The
/// domain is below twice the size, so a call takes two passes or fewer on average.
///
/// Source: Black, Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002, section 4 (cycle
/// walking) and section 5 (the network, here with halves that may differ by one bit).
class Permutation {
 public:
  /// @throws Error bad_input if size is 0 or above 2^40.
  Permutation(std::uint64_t seed, std::uint64_t epoch, std::uint64_t size);

  /// Where i goes. @throws Error bad_input if i >= size.
  std::uint64_t operator()(std::uint64_t i) const;

  std::uint64_t size() const noexcept { return size_; }

 private:
  std::uint64_t seed_;
  std::uint64_t epoch_;
  std::uint64_t size_;
};

/// The sample that position p of a job consumes: index(seed, p div N, p mod N) of JOB-1.
/// @param size N, the number of samples. @throws Error bad_input if it is 0 or above 2^40.
std::uint64_t sample_index(std::uint64_t seed, std::uint64_t position, std::uint64_t size);

}  // namespace troupe
