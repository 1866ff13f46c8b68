#include "runtime/telemetry/trace.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/base/file.hpp"
#include "runtime/telemetry/escape.hpp"

namespace troupe::runtime {

/// A span, or, with no actor, the sending of a message.
struct Trace::Event {
  std::shared_ptr<const TraceActor> actor;
  std::string_view message;
  std::uint64_t id = 0;
  TimePoint begin = {}, end = {};
};

/// One thread's row: the newest events, oldest at `next` once `events` is full.
struct Trace::Thread {
  std::atomic<std::thread::id> owner = {};
  mutable std::mutex mutex;
  std::string name = {};
  std::vector<Event> events = {};
  std::size_t next = 0;
  std::uint64_t dropped = 0;
};

struct Trace::State {
  std::array<Thread, max_threads> threads;  // a hash table by owner, from which nothing is removed
  std::atomic<std::uint64_t> homeless = 0;  // events for which there was no thread or no memory
};

namespace {

constexpr std::size_t chunk_bytes = std::size_t{1} << 20;

std::string microseconds(Duration time) {
  const auto count = time.count();
  std::array<char, 48> text;
  const int size =
      std::snprintf(text.data(), text.size(), "%lld.%03lld", static_cast<long long>(count / 1000),
                    static_cast<long long>(count % 1000));
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string hexadecimal(std::uint64_t id) {
  std::array<char, 32> text;
  const int size =
      std::snprintf(text.data(), text.size(), "\"0x%llx\"", static_cast<unsigned long long>(id));
  return {text.data(), static_cast<std::size_t>(size)};
}

/// The file's text, in pieces.
class Writer {
 public:
  Writer(OutputFile& file, std::uint32_t process) : file_{file}, process_{process} {}

  void begin() { text_ = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n"; }
  void end(std::uint64_t dropped) {
    text_ += "\n],\"otherData\":{\"dropped_events\":" + std::to_string(dropped) + "}}\n";
    flush();
  }

  /// Begins an event that the caller goes on with, up to its closing brace.
  std::string& event(std::string_view phase, std::string_view name, std::size_t thread) {
    if (text_.size() >= chunk_bytes) flush();
    if (!std::exchange(first_, false)) text_ += ",\n";
    text_ += "{\"ph\":\"";
    text_ += phase;
    text_ += "\",\"pid\":" + std::to_string(process_) + ",\"tid\":" + std::to_string(thread);
    text_ += ",\"name\":";
    append_json(text_, name);
    return text_;
  }

  void metadata(std::string_view what, std::size_t thread, std::string_view name) {
    std::string& text = event("M", what, thread);
    text += ",\"args\":{\"name\":";
    append_json(text, name);
    text += "}}";
  }

  /// One end of an arrow. Viewers join ends of the same category, name and id; "bp" binds the far end to the span
  /// that encloses it, not to the next.
  void arrow(bool start, std::size_t thread, std::string_view message, std::uint64_t id,
             TimePoint time) {
    std::string& text = event(start ? "s" : "f", message, thread);
    text += ",\"cat\":\"message\",\"id\":" + hexadecimal(id);
    text += ",\"ts\":" + microseconds(time.time_since_epoch());
    text += start ? "}" : ",\"bp\":\"e\"}";
  }

  void span(std::size_t thread, const TraceActor& actor, std::string_view message, std::uint64_t id,
            TimePoint begin, TimePoint end) {
    std::string& text = event("X", message, thread);
    text += ",\"cat\":";
    append_json(text, actor.type);
    text += ",\"ts\":" + microseconds(begin.time_since_epoch());
    text += ",\"dur\":" + microseconds(end - begin);
    text += ",\"args\":{\"actor\":";
    append_json(text, actor.path);
    text += ",\"incarnation\":" + std::to_string(actor.incarnation);
    text += ",\"trace_id\":" + hexadecimal(id) + "}}";
  }

 private:
  void flush() {
    file_.write(std::as_bytes(std::span{text_}));
    text_.clear();
  }

  OutputFile& file_;
  std::uint32_t process_;
  std::string text_;
  bool first_ = true;
};

}  // namespace

Trace::Trace(TraceOptions options, const Clock& clock)
    : options_{std::move(options)}, clock_{clock}, state_{std::make_unique<State>()} {}

Trace::~Trace() = default;

std::uint64_t Trace::next_id() noexcept {
  constexpr std::uint64_t counts = (std::uint64_t{1} << 40) - 1;
  const std::uint64_t count = last_id_.fetch_add(1, std::memory_order_relaxed) + 1;
  return (std::uint64_t{options_.process_id} << 40) | (count & counts);
}

void Trace::sent(std::string_view message, std::uint64_t id) noexcept {
  const TimePoint now = clock_.now();
  add({nullptr, message, id, now, now});
}

void Trace::handled(std::shared_ptr<const TraceActor> actor, std::string_view message,
                    std::uint64_t id, TimePoint begin, TimePoint end) noexcept {
  add({std::move(actor), message, id, begin, end});
}

Trace::Thread* Trace::this_thread() noexcept {
  const std::thread::id me = std::this_thread::get_id();
  const std::size_t home = std::hash<std::thread::id>{}(me);
  for (std::size_t i = 0; i < max_threads; ++i) {
    Thread& thread = state_->threads[(home + i) % max_threads];
    std::thread::id owner = thread.owner.load(std::memory_order_relaxed);
    // Only this thread ever writes its own id, so a row that is taken meanwhile is another's.
    if (owner == std::thread::id{} &&
        thread.owner.compare_exchange_strong(owner, me, std::memory_order_relaxed)) {
      return &thread;
    }
    if (owner == me) return &thread;
  }
  return nullptr;
}

void Trace::add(Event event) noexcept {
  Thread* const thread = this_thread();
  if (thread == nullptr) {
    state_->homeless.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  try {
    const std::lock_guard lock{thread->mutex};
    if (thread->events.size() < options_.events_per_thread) {
      thread->events.push_back(std::move(event));
    } else {
      ++thread->dropped;
      if (thread->events.empty()) return;
      std::swap(thread->events[thread->next], event);  // the old one ends with this call
      thread->next = (thread->next + 1) % thread->events.size();
    }
  } catch (...) {
    state_->homeless.fetch_add(1, std::memory_order_relaxed);
  }
}

void Trace::name_thread(std::string_view name) {
  Thread* const thread = this_thread();
  if (thread == nullptr) return;
  const std::lock_guard lock{thread->mutex};
  thread->name = name;
}

std::uint64_t Trace::dropped() const {
  std::uint64_t sum = state_->homeless.load(std::memory_order_relaxed);
  for (const Thread& thread : state_->threads) {
    const std::lock_guard lock{thread.mutex};
    sum += thread.dropped;
  }
  return sum;
}

void Trace::write(FileSystem& files, const std::string& path) const {
  write_atomically(files, path, [this](OutputFile& file) {
    Writer writer{file, options_.process_id};
    writer.begin();
    writer.metadata("process_name", 0, options_.process_name);
    std::uint64_t dropped = state_->homeless.load(std::memory_order_relaxed);
    std::size_t row = 0;
    for (const Thread& thread : state_->threads) {
      if (thread.owner.load(std::memory_order_relaxed) == std::thread::id{}) continue;
      ++row;
      std::unique_lock lock{thread.mutex};
      std::vector<Event> events = thread.events;
      const std::string name = thread.name;
      const std::size_t oldest = thread.next;
      dropped += thread.dropped;
      lock.unlock();
      // Spans are recorded when they end, so newest first has those around others before them where all times are
      // equal; where the beginnings are, the later end tells.
      std::rotate(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(oldest),
                  events.end());
      std::ranges::reverse(events);
      std::ranges::stable_sort(events, [](const Event& a, const Event& b) {
        return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
      });
      writer.metadata("thread_name", row, name.empty() ? "thread " + std::to_string(row) : name);
      for (const Event& event : events) {
        if (event.actor == nullptr) {
          writer.arrow(true, row, event.message, event.id, event.begin);
          continue;
        }
        writer.span(row, *event.actor, event.message, event.id, event.begin, event.end);
        if (event.id != 0) writer.arrow(false, row, event.message, event.id, event.begin);
      }
    }
    writer.end(dropped);
  });
}

}  // namespace troupe::runtime
