#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/clock.hpp"
#include "runtime/telemetry/log_record.hpp"
#include "runtime/telemetry/log_ring.hpp"

namespace troupe::runtime {

class Logger;

/// Where a log's lines go: takes one whole line, its end included. Called by one thread at a time; must not log.
using LogSink = std::function<void(std::string_view line)>;

/// Writes each line with one write(2), more only if the descriptor takes a part of it, and drops what a
/// descriptor that does not block has no room for. The descriptor must outlive the sink.
LogSink descriptor_sink(int descriptor);

struct LogOptions {
  std::string node = {};
  LogLevel level = LogLevel::info;  ///< of components that have none of their own
  std::size_t ring_records = 4096;  ///< how many records are remembered
  std::size_t ring_bytes = std::size_t{4} << 20;
  std::uint32_t repeats_a_second =
      10;  ///< of one text of one actor; the others are folded into one line
};

/// A node's log: structured records that go to sinks as lines, and the last of which are remembered.
///
/// Any thread may use it. Sinks are called in the order of the records, one at a time: a sink that blocks holds up
/// whoever logs, but not records_since().
class Log {
 public:
  /// A message is cut past so many bytes, and fields past so many are left out.
  static constexpr std::size_t max_message_bytes = 8192;
  static constexpr std::size_t max_fields = 32;
  static constexpr std::size_t max_value_bytes = 4096;  ///< of a field; more is cut off
  /// Components past so many share the level of "*".
  static constexpr std::size_t max_components = 1024;

  explicit Log(LogOptions options, const Clock& clock, std::function<WallTime()> wall = wall_now);
  /// Writes what is still folded.
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// Takes the records from here on.
  void add_sink(LogFormat format, LogSink sink);

  /// Hands on each record from here on, under the rules of a sink.
  void add_record_sink(std::function<void(const LogRecord&)> take);

  /// A record of another process of this node's, with its time: remembered and written like one of this log's own,
  /// unless its component's level is higher here. Its node and number are this log's.
  void add(LogRecord record) noexcept;

  /// The level of a component ("supervisor", or an actor's type), or with "*" that of all which have none of their
  /// own. Takes effect at once, for loggers that exist too.
  void set_level(std::string_view component, LogLevel level);
  /// The same as an operator writes it: "warning,trainer=debug,*=info"; a level alone is that of "*".
  /// @throws Error bad_input if it is malformed; nothing has changed then.
  void set_levels(std::string_view levels);
  /// Of "*" too.
  LogLevel level(std::string_view component) const;

  /// What an actor logs with. Must not outlive the log.
  Logger logger(std::string_view component, std::string_view actor = {});

  /// Writes the folded lines whose second is over. Every record does so too; the node's tick calls this, so that
  /// they appear when nothing else is logged.
  void tick() noexcept;

  /// Of the remembered records those from number `sequence` on, at most `limit`.
  LogTail records_since(std::uint64_t sequence, std::size_t limit) const;

  /// How often a line could not be written, since a sink threw or memory ran out.
  std::uint64_t lost() const;

 private:
  friend class Logger;
  struct State;

  void write(LogLevel level, const std::string& component, const std::string& actor,
             std::string_view message, std::initializer_list<LogField> fields) noexcept;

  std::unique_ptr<State> state_;
};

/// Logs for one actor or part. Copies are independent; one that was made from nothing logs nothing. Calls never
/// throw, and below the component's level cost one relaxed load.
class Logger {
 public:
  using Fields = std::initializer_list<LogField>;

  Logger() = default;

  bool on(LogLevel level) const noexcept {
    return level_ != nullptr && level >= level_->load(std::memory_order_relaxed);
  }

  /// `message` is the same each time, what differs goes into the fields: repeated messages are folded by text.
  void log(LogLevel level, std::string_view message, Fields fields = {}) const noexcept {
    if (on(level)) log_->write(level, component_, actor_, message, fields);
  }
  void debug(std::string_view message, Fields fields = {}) const noexcept {
    log(LogLevel::debug, message, fields);
  }
  void info(std::string_view message, Fields fields = {}) const noexcept {
    log(LogLevel::info, message, fields);
  }
  void warning(std::string_view message, Fields fields = {}) const noexcept {
    log(LogLevel::warning, message, fields);
  }
  void error(std::string_view message, Fields fields = {}) const noexcept {
    log(LogLevel::error, message, fields);
  }

 private:
  friend class Log;
  Logger(Log& log, const std::atomic<LogLevel>& level, std::string_view component,
         std::string_view actor)
      : log_{&log}, level_{&level}, component_{component}, actor_{actor} {}

  Log* log_ = nullptr;
  const std::atomic<LogLevel>* level_ = nullptr;
  std::string component_, actor_;
};

}  // namespace troupe::runtime
