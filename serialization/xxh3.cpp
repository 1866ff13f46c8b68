#include "serialization/xxh3.hpp"

#include <xxhash.h>

#include <bit>
#include <new>

namespace troupe::serialization {
namespace {

Xxh3Digest canonical(XXH128_hash_t hash) {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, hash);
  return std::bit_cast<Xxh3Digest>(bytes);
}

}  // namespace

struct Xxh3_128::State {
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> xxh{XXH3_createState()};
};

Xxh3Digest xxh3_128(std::span<const std::byte> bytes) {
  return canonical(XXH3_128bits(bytes.data(), bytes.size()));
}

Xxh3_128::Xxh3_128() : state_{std::make_unique<State>()} {
  if (!state_->xxh) throw std::bad_alloc{};
  XXH3_128bits_reset(state_->xxh.get());
}
Xxh3_128::Xxh3_128(Xxh3_128&&) noexcept = default;
Xxh3_128& Xxh3_128::operator=(Xxh3_128&&) noexcept = default;
Xxh3_128::~Xxh3_128() = default;

void Xxh3_128::update(std::span<const std::byte> bytes) {
  XXH3_128bits_update(state_->xxh.get(), bytes.data(), bytes.size());
}

Xxh3Digest Xxh3_128::finish() {
  const Xxh3Digest digest = canonical(XXH3_128bits_digest(state_->xxh.get()));
  XXH3_128bits_reset(state_->xxh.get());
  return digest;
}

}  // namespace troupe::serialization
