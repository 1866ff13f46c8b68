#include "runtime/telemetry/log_ring.hpp"

#include <algorithm>
#include <utility>

namespace troupe::runtime {

void LogRing::add(LogRecord record) {
  record.sequence = end_;
  records_.push_back(std::move(record));
  size_bytes_ += records_.back().size_bytes();
  ++end_;
  while (!records_.empty() && (records_.size() > max_records_ || size_bytes_ > max_bytes_)) {
    size_bytes_ -= records_.front().size_bytes();
    records_.pop_front();
  }
}

LogTail LogRing::since(std::uint64_t sequence, std::size_t limit) const {
  const std::uint64_t oldest = end_ - records_.size();
  const std::uint64_t from = std::clamp(sequence, oldest, end_);
  const std::size_t skipped = from - oldest;
  const std::size_t count = std::min(limit, records_.size() - skipped);
  const auto first = records_.begin() + static_cast<std::ptrdiff_t>(skipped);
  return {{first, first + static_cast<std::ptrdiff_t>(count)},
          from + count,
          sequence < oldest ? oldest - sequence : 0};
}

}  // namespace troupe::runtime
