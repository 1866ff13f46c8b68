#include "runtime/telemetry/log.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "runtime/base/error.hpp"
#include "runtime/telemetry/escape.hpp"
#include "runtime/telemetry/log_repeats.hpp"

namespace troupe::runtime {

namespace {

constexpr std::size_t max_name_bytes = 1024;

std::pair<std::string_view, LogLevel> parse_level(std::string_view entry) {
  const std::size_t equals = entry.find('=');
  const bool named = equals != std::string_view::npos;
  const std::string_view component = named ? entry.substr(0, equals) : "*";
  const auto level = find_log_level(named ? entry.substr(equals + 1) : entry);
  if (component.empty() || !level) {
    std::string message =
        "log levels: expected LEVEL or COMPONENT=LEVEL with a level of debug, info, "
        "warning, error, off; got ";
    append_json(message, cut(entry, max_name_bytes));
    throw Error{ErrorCode::bad_input, message};
  }
  return {component, *level};
}

}  // namespace

LogSink descriptor_sink(int descriptor) {
  return [descriptor](std::string_view line) {
    while (!line.empty()) {
      const ssize_t written = ::write(descriptor, line.data(), line.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return;
      line.remove_prefix(static_cast<std::size_t>(written));
    }
  };
}

struct Log::State {
  struct Component {
    std::atomic<LogLevel> level;
    bool own;  // it was set by name, and does not follow "*"
  };
  struct Sink {
    LogFormat format;
    LogSink take;
  };

  State(LogOptions given, const Clock& steady, std::function<WallTime()> now)
      : options{std::move(given)},
        clock{steady},
        wall{std::move(now)},
        default_level{options.level},
        ring{options.ring_records, options.ring_bytes},
        repeats{options.repeats_a_second, [this](LogRecord record) { emit(std::move(record)); }} {}

  /// Under `writing`.
  void emit(LogRecord record) {
    record.time = wall();
    write(std::move(record));
  }

  /// Under `writing`.
  void write(LogRecord record) {
    for (const auto& take : record_sinks) take(record);
    std::array<std::string, 2> lines;  // by format, made when first needed
    for (const Sink& sink : sinks) {
      try {
        std::string& line = lines[static_cast<std::size_t>(sink.format)];
        if (line.empty()) line = to_line(record, sink.format);
        sink.take(line);
      } catch (...) {
        lost.fetch_add(1, std::memory_order_relaxed);
      }
    }
    const std::lock_guard lock{ring_mutex};
    ring.add(std::move(record));
  }

  LogOptions options;
  const Clock& clock;
  std::function<WallTime()> wall;

  mutable std::mutex levels_mutex;
  std::atomic<LogLevel> default_level;
  std::map<std::string, Component, std::less<>> components;  // never shrinks: loggers point into it

  std::mutex writing;  // held while sinks are called, so that they see the records in order
  std::vector<Sink> sinks;
  std::vector<std::function<void(const LogRecord&)>> record_sinks;
  std::atomic<std::uint64_t> lost = 0;

  mutable std::mutex ring_mutex;  // taken after `writing`
  LogRing ring;
  LogRepeats repeats;  // guarded by `writing`
};

Log::Log(LogOptions options, const Clock& clock, std::function<WallTime()> wall)
    : state_{std::make_unique<State>(std::move(options), clock, std::move(wall))} {}

Log::~Log() {
  const std::lock_guard lock{state_->writing};
  try {
    state_->repeats.end_all();
  } catch (...) {  // out of memory: the last folded lines are not worth more than the way out
  }
}

void Log::add_sink(LogFormat format, LogSink sink) {
  const std::lock_guard lock{state_->writing};
  state_->sinks.push_back({format, std::move(sink)});
}

void Log::add_record_sink(std::function<void(const LogRecord&)> take) {
  const std::lock_guard lock{state_->writing};
  state_->record_sinks.push_back(std::move(take));
}

void Log::add(LogRecord record) noexcept {
  try {
    if (record.level < level(record.component)) return;
    record.node = state_->options.node;
    const auto shorten = [](std::string& text, std::size_t most) { text.resize(cut(text, most).size()); };
    shorten(record.message, max_message_bytes);
    shorten(record.actor, max_name_bytes);
    shorten(record.component, max_name_bytes);
    if (record.fields.size() > max_fields) record.fields.resize(max_fields);
    for (LogRecord::Field& field : record.fields) {
      shorten(field.key, max_value_bytes);
      shorten(field.value, max_value_bytes);
    }
    const std::lock_guard lock{state_->writing};
    state_->write(std::move(record));
  } catch (...) {
    state_->lost.fetch_add(1, std::memory_order_relaxed);
  }
}

void Log::set_level(std::string_view component, LogLevel level) {
  State& state = *state_;
  const std::lock_guard lock{state.levels_mutex};
  if (component == "*") {
    state.default_level.store(level, std::memory_order_relaxed);
    for (auto& [name, entry] : state.components) {
      if (!entry.own) entry.level.store(level, std::memory_order_relaxed);
    }
    return;
  }
  auto found = state.components.find(component);
  if (found == state.components.end()) {
    if (state.components.size() >= max_components) return;
    found = state.components.try_emplace(std::string{cut(component, max_name_bytes)}).first;
  }
  found->second.level.store(level, std::memory_order_relaxed);
  found->second.own = true;
}

void Log::set_levels(std::string_view levels) {
  std::vector<std::pair<std::string_view, LogLevel>> parsed;
  for (std::size_t begin = 0; begin <= levels.size();) {
    const std::size_t end = std::min(levels.find(',', begin), levels.size());
    parsed.push_back(parse_level(levels.substr(begin, end - begin)));
    begin = end + 1;
  }
  for (const auto& [component, level] : parsed) set_level(component, level);
}

LogLevel Log::level(std::string_view component) const {
  const std::lock_guard lock{state_->levels_mutex};
  const auto found = state_->components.find(component);
  return found == state_->components.end() ? state_->default_level.load(std::memory_order_relaxed)
                                           : found->second.level.load(std::memory_order_relaxed);
}

Logger Log::logger(std::string_view component, std::string_view actor) {
  State& state = *state_;
  component = cut(component, max_name_bytes);
  actor = cut(actor, max_name_bytes);
  const std::lock_guard lock{state.levels_mutex};
  auto found = state.components.find(component);
  if (found == state.components.end()) {
    if (state.components.size() >= max_components) {
      return Logger{*this, state.default_level, component, actor};
    }
    found = state.components.try_emplace(std::string{component}).first;
    found->second.level.store(state.default_level.load(std::memory_order_relaxed),
                              std::memory_order_relaxed);
  }
  return Logger{*this, found->second.level, component, actor};
}

void Log::tick() noexcept {
  State& state = *state_;
  try {
    const std::lock_guard lock{state.writing};
    state.repeats.end_until(state.clock.now());
  } catch (...) {
    state.lost.fetch_add(1, std::memory_order_relaxed);
  }
}

LogTail Log::records_since(std::uint64_t sequence, std::size_t limit) const {
  const std::lock_guard lock{state_->ring_mutex};
  return state_->ring.since(sequence, limit);
}

std::uint64_t Log::lost() const {
  return state_->lost.load(std::memory_order_relaxed);
}

void Log::write(LogLevel level, const std::string& component, const std::string& actor,
                std::string_view message, std::initializer_list<LogField> fields) noexcept {
  State& state = *state_;
  try {
    LogRecord record;
    record.level = level;
    record.node = state.options.node;
    record.actor = actor;
    record.component = component;
    record.message = cut(message, max_message_bytes);
    record.fields.reserve(std::min(fields.size(), max_fields));
    for (const LogField& field : fields) {
      if (record.fields.size() == max_fields) break;
      record.fields.push_back(to_record(field));
    }
    const std::lock_guard lock{state.writing};
    state.repeats.add(std::move(record), state.clock.now());
  } catch (...) {
    state.lost.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace troupe::runtime
