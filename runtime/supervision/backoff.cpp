#include "runtime/supervision/backoff.hpp"

#include <cmath>

#include "runtime/base/random.hpp"

namespace troupe::runtime {
namespace {

/// FNV-1a of 64 bits (Fowler, Noll, Vo; RFC 9923).
std::uint64_t hash(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x00000100000001B3;
  return hash;
}

}  // namespace

Duration backoff_delay(const Backoff& backoff, std::uint32_t n, double share) {
  if (backoff.first <= Duration::zero()) return Duration::zero();
  const double grown = static_cast<double>(backoff.first.count()) * std::pow(backoff.factor, n);
  const Duration delay = grown < static_cast<double>(backoff.limit.count())
                             ? Duration{static_cast<Duration::rep>(grown)}
                             : backoff.limit;
  const double off = static_cast<double>(delay.count()) * backoff.jitter * share;
  // share < 1, but a product of doubles may round up to one past the largest delay.
  return off < static_cast<double>(delay.count())
             ? delay - Duration{static_cast<Duration::rep>(off)}
             : Duration::zero();
}

double jitter_share(std::uint64_t seed, std::string_view child, std::uint64_t restart) {
  const std::uint64_t name = hash(child);
  const Draw4 draw = philox4x32_10(
      philox_key(seed),
      {static_cast<std::uint32_t>(name), static_cast<std::uint32_t>(name >> 32),
       static_cast<std::uint32_t>(restart), static_cast<std::uint32_t>(restart >> 32)});
  return uniform53(draw[0], draw[1]);
}

}  // namespace troupe::runtime
