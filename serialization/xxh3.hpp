#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>

namespace troupe::serialization {

/// An XXH3-128 hash in its canonical form: big-endian, as xxhsum prints it. It finds accidents in files
/// and on the wire, not intent.
using Xxh3Digest = std::array<std::byte, 16>;

Xxh3Digest xxh3_128(std::span<const std::byte> bytes);

/// XXH3-128 of bytes that come in pieces. Equal bytes give one hash, however they were cut.
class Xxh3_128 {
 public:
  Xxh3_128();
  Xxh3_128(Xxh3_128&&) noexcept;
  Xxh3_128& operator=(Xxh3_128&&) noexcept;
  ~Xxh3_128();

  void update(std::span<const std::byte> bytes);
  /// The hash of all that came since the start or the last finish(), and a new start.
  Xxh3Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace troupe::serialization
