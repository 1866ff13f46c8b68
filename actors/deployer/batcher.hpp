#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "runtime/base/clock.hpp"

namespace troupe::actors {

/// Consecutive rows of one request.
struct Piece {
  std::uint64_t request = 0;
  std::int64_t first = 0;
  std::int64_t count = 0;

  bool operator==(const Piece&) const = default;
};

/// Which rows are computed together: those that wait, in order of arrival, up to `max_rows`. A batch is ready when it
/// is full or its oldest rows have waited for `max_delay`; a request that has more rows is split. Knows no time of its
/// own. Not thread-safe.
class Batcher {
 public:
  Batcher(std::int64_t max_rows, Duration max_delay) : max_rows_{max_rows}, max_delay_{max_delay} {}

  void add(std::uint64_t request, std::int64_t rows, TimePoint now);
  /// Pieces of a batch that came to nothing: before all others, and due at once.
  void put_back(const std::vector<Piece>& pieces);

  /// The next batch, if one is ready. Pieces of requests that are not `wanted` any more are dropped.
  std::vector<Piece> take(TimePoint now, const std::function<bool(std::uint64_t)>& wanted);
  /// When a batch is ready though nothing more comes; none if nothing waits.
  std::optional<TimePoint> due() const;

  bool empty() const { return waiting_.empty(); }
  std::int64_t rows() const { return rows_; }

 private:
  struct Waiting {
    Piece piece;
    TimePoint due;
  };

  const std::int64_t max_rows_;
  const Duration max_delay_;
  std::deque<Waiting> waiting_;
  std::int64_t rows_ = 0;
};

}  // namespace troupe::actors
