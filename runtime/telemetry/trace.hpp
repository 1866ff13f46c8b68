#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/clock.hpp"

namespace troupe {
class FileSystem;
}

namespace troupe::runtime {

/// Who handles, as it stands with each of its spans. One a life of an actor, shared by its spans.
struct TraceActor {
  std::string path;
  std::string type;
  std::uint64_t incarnation = 0;
};

struct TraceOptions {
  std::string process_name = "troupe";
  std::uint32_t process_id =
      1;  ///< the system's; < 2^24, so that the files of processes of one host can be joined
  std::size_t events_per_thread = 16'384;  ///< 72 bytes each; the newest are kept
};

/// What the actors of a process handled and sent, when and on which thread, for Perfetto and chrome://tracing.
///
/// Any thread may use it. Each writes to a buffer of its own, under a mutex that only write() ever contends for. Names
/// of message types are not copied: they must live as long as the trace (a schema's names are literals).
class Trace {
 public:
  /// Events of threads past so many are dropped, and counted.
  static constexpr std::size_t max_threads = 256;

  Trace(TraceOptions options, const Clock& clock);
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  /// A new message's id, of no other message of the process, and never 0: 24 bits process, 40 bits count.
  std::uint64_t next_id() noexcept;

  /// A message with that id is being sent, by the handler that runs in this thread if there is one: an arrow starts
  /// here, and ends at the span that handles it.
  void sent(std::string_view message, std::uint64_t id) noexcept;

  /// A message was handled in this thread, from `begin` to `end`. @param id 0: it has none, no arrow ends here
  void handled(std::shared_ptr<const TraceActor> actor, std::string_view message, std::uint64_t id,
               TimePoint begin, TimePoint end) noexcept;

  /// Names this thread's row; else it is "thread N". A thread that takes over the id of one that ended goes on in
  /// its row.
  void name_thread(std::string_view name);

  /// How many events were dropped, as buffers were full or threads too many.
  std::uint64_t dropped() const;

  /// Writes what the buffers hold as a Chrome trace in JSON, in one step as write_atomically does; recording may go
  /// on meanwhile. Times are the clock's, in microseconds. Within a thread, events are in order of their beginning.
  /// @throws Error as the file system does.
  void write(FileSystem& files, const std::string& path) const;

  const Clock& clock() const noexcept { return clock_; }

 private:
  struct Event;
  struct Thread;
  struct State;

  Thread* this_thread() noexcept;
  void add(Event event) noexcept;

  TraceOptions options_;
  const Clock& clock_;
  std::atomic<std::uint64_t> last_id_ = 0;
  std::unique_ptr<State> state_;
};

/// Traces a handler's run, from its construction to its destruction in the same thread; without a trace it costs a
/// pointer's test.
class HandlerSpan {
 public:
  /// `actor` must live as long as the span; it is not used if `trace` is null.
  HandlerSpan(Trace* trace, const std::shared_ptr<const TraceActor>& actor,
              std::string_view message, std::uint64_t id)
      : trace_{trace} {
    if (trace_ == nullptr) return;
    actor_ = &actor;
    message_ = message;
    id_ = id;
    begin_ = trace_->clock().now();
  }
  ~HandlerSpan() {
    if (trace_ != nullptr) trace_->handled(*actor_, message_, id_, begin_, trace_->clock().now());
  }
  HandlerSpan(const HandlerSpan&) = delete;
  HandlerSpan& operator=(const HandlerSpan&) = delete;

 private:
  Trace* trace_;
  const std::shared_ptr<const TraceActor>* actor_ = nullptr;
  std::string_view message_;
  std::uint64_t id_ = 0;
  TimePoint begin_ = {};
};

}  // namespace troupe::runtime
