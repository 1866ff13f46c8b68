#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "runtime/telemetry/log_record.hpp"

namespace troupe::runtime {

/// A part of what a log remembers.
struct LogTail {
  std::vector<LogRecord> records;  ///< in order of their sequence numbers, without gaps
  std::uint64_t next = 0;          ///< where to go on reading
  std::uint64_t overwritten = 0;   ///< how many of those asked for are no longer remembered
};

/// The last records of a log, in bounded memory. Not synchronised.
class LogRing {
 public:
  /// Keeps at most `records` of at most `bytes` together, the newest.
  LogRing(std::size_t records, std::size_t bytes) : max_records_{records}, max_bytes_{bytes} {}

  /// Gives the record its number.
  void add(LogRecord record);
  /// At most `limit` records from number `sequence` on.
  LogTail since(std::uint64_t sequence, std::size_t limit) const;
  std::size_t size_bytes() const { return size_bytes_; }

 private:
  std::size_t max_records_, max_bytes_;
  std::size_t size_bytes_ = 0;
  std::uint64_t end_ = 0;  // the sequence number after the newest record's
  std::deque<LogRecord> records_;
};

}  // namespace troupe::runtime
