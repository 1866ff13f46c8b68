#include "actors/deployer/batcher.hpp"

#include <algorithm>

namespace troupe::actors {

void Batcher::add(std::uint64_t request, std::int64_t rows, TimePoint now) {
  waiting_.push_back({{request, 0, rows}, later(now, max_delay_)});
  rows_ += rows;
}

void Batcher::put_back(const std::vector<Piece>& pieces) {
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) {
    waiting_.push_front({*piece, TimePoint::min()});
    rows_ += piece->count;
  }
}

std::vector<Piece> Batcher::take(TimePoint now, const std::function<bool(std::uint64_t)>& wanted) {
  while (!waiting_.empty() && !wanted(waiting_.front().piece.request)) {
    rows_ -= waiting_.front().piece.count;
    waiting_.pop_front();
  }
  std::vector<Piece> batch;
  if (waiting_.empty() || (rows_ < max_rows_ && waiting_.front().due > now)) return batch;
  std::int64_t room = max_rows_;
  while (room > 0 && !waiting_.empty()) {
    Piece& piece = waiting_.front().piece;
    if (!wanted(piece.request)) {
      rows_ -= piece.count;
      waiting_.pop_front();
      continue;
    }
    const std::int64_t count = std::min(room, piece.count);
    batch.push_back({piece.request, piece.first, count});
    room -= count;
    rows_ -= count;
    piece.first += count;
    piece.count -= count;
    if (piece.count == 0) waiting_.pop_front();
  }
  return batch;
}

std::optional<TimePoint> Batcher::due() const {
  if (waiting_.empty()) return std::nullopt;
  return rows_ >= max_rows_ ? TimePoint::min() : waiting_.front().due;
}

}  // namespace troupe::actors
