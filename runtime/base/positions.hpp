#pragma once

#include <cstdint>

namespace troupe {

/// Positions first ... last - 1.
struct PositionRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  std::uint64_t count() const noexcept { return last - first; }
  friend bool operator==(const PositionRange&, const PositionRange&) = default;
};

/// The default S of JOB-2: the largest power of two <= 8 that divides the batch and leaves at least
/// 32 samples a shard; 1 where none does. @throws Error bad_input if batch < 1.
std::uint32_t default_shards(std::int64_t batch);

/// Which positions a job of E epochs over N samples consumes when (JOB-1), in batches of B and
/// shards of B / S (JOB-2). Immutable arithmetic.
class Positions {
 public:
  /// @throws Error bad_input unless 1 <= samples <= 2^40, 1 <= batch <= 2^31 - 1, 1 <= epochs <=
  ///         2^22 (so that every position fits 63 bits) and 1 <= shards divides batch.
  Positions(std::int64_t samples, std::int64_t batch, std::int64_t epochs, std::uint32_t shards);

  /// Steps of the job: its full batches, floor(EN / B). 0 if the whole job is below one batch.
  std::uint64_t steps() const noexcept { return total_ / batch_; }
  /// What step t consumes: [tB, (t+1)B). @param t below steps(), here and in shard().
  PositionRange step(std::uint64_t t) const noexcept { return {t * batch_, (t + 1) * batch_}; }
  /// What shard s of step t consumes: B / S positions. @throws Error bad_input if s >= S.
  PositionRange shard(std::uint64_t t, std::uint32_t s) const;

  /// After how many steps the first e epochs (e <= E) are consumed whole: ceil(eN / B). For e = E it
  /// is steps() + 1 if unused() holds something, since the job then ends within its last epoch.
  std::uint64_t epoch_end(std::uint64_t e) const noexcept {
    return (e * samples_ + batch_ - 1) / batch_;
  }
  /// The epoch that a position belongs to, from 0, and its place there: p div N, p mod N.
  std::uint64_t epoch_of(std::uint64_t position) const noexcept { return position / samples_; }
  std::uint64_t place_of(std::uint64_t position) const noexcept { return position % samples_; }

  /// The job's last positions, fewer than B, that no step consumes; the ledger names them.
  PositionRange unused() const noexcept { return {steps() * batch_, total_}; }

  std::uint64_t samples() const noexcept { return samples_; }
  std::uint64_t batch() const noexcept { return batch_; }
  std::uint32_t shards() const noexcept { return shards_; }

 private:
  std::uint64_t samples_;
  std::uint64_t batch_;
  std::uint64_t total_;  ///< EN
  std::uint32_t shards_;
};

}  // namespace troupe
