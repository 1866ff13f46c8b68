#include "runtime/telemetry/metrics.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <variant>

#include "runtime/base/error.hpp"
#include "runtime/telemetry/escape.hpp"

namespace troupe::runtime {

namespace {

constexpr std::string_view overflow_labels = "overflow=\"true\"";
constexpr std::array<std::string_view, 3> kind_names = {"counter", "gauge", "histogram"};
constexpr std::size_t counter_kind = 0, gauge_kind = 1, histogram_kind = 2;
constexpr Buckets no_buckets = {0, 0, 0};
using Series =
    std::variant<std::unique_ptr<Counter>, std::unique_ptr<Gauge>, std::unique_ptr<Histogram>>;

[[noreturn]] void misuse(std::string_view name, const std::string& problem) {
  std::string message = "metric ";
  append_json(message, name);
  throw Error{ErrorCode::bug, message + ": " + problem};
}

bool is_name(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && letter(name[0]) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

std::string overflow_family(std::size_t kind) {
  return "troupe_metrics_overflow_" + std::string{kind_names[kind]};
}

/// As the format asks for: line ends, '\' and, where it is quoted, '"' are escaped.
std::string escaped(std::string_view text, bool quoted) {
  std::string result;
  for (const char c : text) {
    if (c == '\n') {
      result += "\\n";
    } else {
      if (c == '\\' || (quoted && c == '"')) result += '\\';
      result += c;
    }
  }
  return result;
}

/// The labels as they are written; also what a series is known by.
std::string label_text(std::string_view name, MetricLabels labels) {
  std::ranges::sort(labels);
  std::string text;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto& [label, value] = labels[i];
    if (!is_name(label) || label == "le" || label == "overflow") {
      misuse(name, "no label may be named \"" + escaped(label, true) + '"');
    }
    if (i > 0 && labels[i - 1].first == label) misuse(name, "label " + label + " is given twice");
    if (i > 0) text += ',';
    std::string valid;
    append_valid(valid, cut(value, Metrics::max_label_bytes));
    text += label + "=\"" + escaped(valid, true) + '"';
  }
  return text;
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 32> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

void append_sample(std::string& out, std::string_view name, std::string_view labels,
                   std::string_view value) {
  out += name;
  if (!labels.empty()) {
    out += '{';
    out += labels;
    out += '}';
  }
  out += ' ';
  out += value;
  out += '\n';
}

void append_histogram(std::string& out, const std::string& name, const std::string& labels,
                      const Histogram& histogram) {
  const std::vector<std::uint64_t> counts = histogram.counts();
  const std::string before = labels.empty() ? "" : labels + ',';
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    total += counts[i];
    const double bound = i < histogram.bounds().size() ? histogram.bounds()[i]
                                                       : std::numeric_limits<double>::infinity();
    append_sample(out, name + "_bucket", before + "le=\"" + number(bound) + '"',
                  std::to_string(total));
  }
  append_sample(out, name + "_sum", labels, number(histogram.sum()));
  append_sample(out, name + "_count", labels, std::to_string(total));
}

}  // namespace

Histogram::Histogram(const Buckets& buckets) : counts_(buckets.count + std::size_t{1}) {
  double bound = buckets.first;
  for (std::uint32_t i = 0; i < buckets.count; ++i, bound *= buckets.factor) {
    bounds_.push_back(bound);
  }
}

void Histogram::observe(double value) noexcept {
  if (std::isnan(value)) return;
  const auto bucket = std::ranges::lower_bound(bounds_, value) - bounds_.begin();
  counts_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

std::vector<std::uint64_t> Histogram::counts() const {
  std::vector<std::uint64_t> result;
  for (const auto& count : counts_) result.push_back(count.load(std::memory_order_relaxed));
  return result;
}

GaugeSource::~GaugeSource() {
  if (metrics_ != nullptr) metrics_->remove_source(*gauge_, id_);
}

struct Metrics::State {
  struct Family {
    std::size_t kind;  // index into Series
    std::string help;
    Buckets buckets;
    std::map<std::string, Series, std::less<>> series;  // by label_text
  };
  using Families = std::map<std::string, Family, std::less<>>;

  Families::iterator family(std::string_view name, std::string_view help, std::size_t kind,
                            const Buckets& buckets, bool full);
  Series& get(std::string_view name, std::string_view help, std::size_t kind,
              const Buckets& buckets, const MetricLabels& labels);
  double value(const Gauge& gauge) const;

  mutable std::mutex mutex;
  Families families;
  std::size_t series = 0;  // without those for overflow
  std::map<std::pair<const Gauge*, std::uint64_t>, std::function<double()>> sources;
  std::uint64_t next_source = 0;
  Counter* overflow = nullptr;
};

/// The family of that name, or when there can be no more series and none of that name, the one common to its kind.
Metrics::State::Families::iterator Metrics::State::family(std::string_view name,
                                                          std::string_view help, std::size_t kind,
                                                          const Buckets& buckets, bool full) {
  const auto found = families.find(name);
  if (found != families.end()) {
    const Family& family = found->second;
    if (family.kind != kind) {
      misuse(name, "expected a " + std::string{kind_names[family.kind]} +
                       ", as it is already; got a " + std::string{kind_names[kind]});
    }
    if (family.buckets != buckets) misuse(name, "expected the buckets that it has already");
    return found;
  }
  for (const std::string_view suffix : {"_bucket", "_sum", "_count"}) {
    const std::string with = std::string{name} + std::string{suffix};
    const std::string_view without =
        name.substr(0, name.size() - std::min(name.size(), suffix.size()));
    const auto owner = families.find(without);
    if ((kind == histogram_kind && families.contains(with)) ||
        (name.ends_with(suffix) && owner != families.end() &&
         owner->second.kind == histogram_kind)) {
      misuse(name, "one of a histogram's names is taken");
    }
  }
  if (full) return families.find(overflow_family(kind));
  std::string valid;
  append_valid(valid, help);
  return families.emplace(name, Family{kind, std::move(valid), buckets, {}}).first;
}

Series& Metrics::State::get(std::string_view name, std::string_view help, std::size_t kind,
                            const Buckets& buckets, const MetricLabels& labels) {
  if (!is_name(name)) misuse(name, "expected a name of letters, digits and '_'");
  std::string key = label_text(name, labels);
  const std::lock_guard lock{mutex};
  const bool full = series >= max_series;
  Family& home = family(name, help, kind, buckets, full)->second;
  auto found = home.series.find(key);
  if (found != home.series.end()) return found->second;
  if (full) {
    overflow->add();
    key = overflow_labels;
    found = home.series.find(key);
    if (found != home.series.end()) return found->second;
  }
  Series made = kind == counter_kind ? Series{std::make_unique<Counter>()}
                : kind == gauge_kind ? Series{std::make_unique<Gauge>()}
                                     : Series{std::make_unique<Histogram>(home.buckets)};
  Series& result = home.series.emplace(std::move(key), std::move(made)).first->second;
  if (!full) ++series;
  return result;
}

double Metrics::State::value(const Gauge& gauge) const {
  double sum = gauge.value();
  for (auto source = sources.lower_bound({&gauge, 0});
       source != sources.end() && source->first.first == &gauge; ++source) {
    try {
      sum += source->second();
    } catch (...) {
      return std::numeric_limits<double>::quiet_NaN();
    }
  }
  return sum;
}

Metrics::Metrics() : state_{std::make_unique<State>()} {
  for (std::size_t kind = 0; kind < kind_names.size(); ++kind) {
    state_->families.emplace(overflow_family(kind),
                             State::Family{kind,
                                           "Updates of series that there was no room for.",
                                           kind == histogram_kind ? Buckets{} : no_buckets,
                                           {}});
  }
  state_->overflow = &counter("troupe_metrics_overflow_total",
                              "Requests for a series that there was no room for.");
}

Metrics::~Metrics() = default;

Counter& Metrics::counter(std::string_view name, std::string_view help,
                          const MetricLabels& labels) {
  return *std::get<counter_kind>(state_->get(name, help, counter_kind, no_buckets, labels));
}

Gauge& Metrics::gauge(std::string_view name, std::string_view help, const MetricLabels& labels) {
  return *std::get<gauge_kind>(state_->get(name, help, gauge_kind, no_buckets, labels));
}

Histogram& Metrics::histogram(std::string_view name, std::string_view help, const Buckets& buckets,
                              const MetricLabels& labels) {
  const double last = buckets.first * std::pow(buckets.factor, buckets.count);
  if (buckets.count < 1 || buckets.count > 64 || !(buckets.first > 0) || !(buckets.factor > 1) ||
      !std::isfinite(last)) {
    misuse(name, "expected 1 to 64 buckets, a first bound > 0 and a factor > 1, all bounds finite");
  }
  return *std::get<histogram_kind>(state_->get(name, help, histogram_kind, buckets, labels));
}

GaugeSource Metrics::add_source(const Gauge& gauge, std::function<double()> value) {
  const std::lock_guard lock{state_->mutex};
  const std::uint64_t id = state_->next_source++;
  state_->sources.emplace(std::pair{&gauge, id}, std::move(value));
  return GaugeSource{*this, gauge, id};
}

void Metrics::remove_source(const Gauge& gauge, std::uint64_t id) noexcept {
  const std::lock_guard lock{state_->mutex};
  state_->sources.erase({&gauge, id});
}

std::string Metrics::write() const {
  std::string out;
  const std::lock_guard lock{state_->mutex};
  for (const auto& [name, family] : state_->families) {
    if (family.series.empty()) continue;
    out += "# HELP " + name + ' ' + escaped(family.help, false) + '\n';
    out += "# TYPE " + name + ' ' + std::string{kind_names[family.kind]} + '\n';
    for (const auto& [labels, series] : family.series) {
      if (const auto* counter = std::get_if<counter_kind>(&series)) {
        append_sample(out, name, labels, std::to_string((*counter)->value()));
      } else if (const auto* gauge = std::get_if<gauge_kind>(&series)) {
        append_sample(out, name, labels, number(state_->value(**gauge)));
      } else {
        append_histogram(out, name, labels, *std::get<histogram_kind>(series));
      }
    }
  }
  return out;
}

}  // namespace troupe::runtime
