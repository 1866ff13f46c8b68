#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::runtime {

class Metrics;

/// A number that only grows. Any thread may use it; an update is one relaxed atomic addition.
class Counter {
 public:
  void add(std::uint64_t count = 1) noexcept { value_.fetch_add(count, std::memory_order_relaxed); }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

/// A number that goes up and down. Any thread may use it; updates take no lock.
class Gauge {
 public:
  void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }
  void add(double change) noexcept { value_.fetch_add(change, std::memory_order_relaxed); }
  /// What was set and added; what its sources add is known to Metrics::write() alone.
  double value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_ = 0;
};

/// A histogram's buckets: up to first, first * factor, first * factor^2, …, and the rest.
struct Buckets {
  double first = 1e-6;
  double factor = 4;
  std::uint32_t count = 14;  ///< without the rest; 1 … 64

  friend bool operator==(const Buckets&, const Buckets&) = default;
};

/// How observed values are distributed. Any thread may use it; an update is two atomic additions.
class Histogram {
 public:
  explicit Histogram(const Buckets& buckets);

  /// NaN is ignored. A value on a bound belongs to the bucket that ends there.
  void observe(double value) noexcept;

  /// The upper ends of the buckets but the last, ascending.
  const std::vector<double>& bounds() const noexcept { return bounds_; }
  /// How many values fell into each bucket, the last one included.
  std::vector<std::uint64_t> counts() const;
  double sum() const noexcept { return sum_.load(std::memory_order_relaxed); }

 private:
  std::vector<double> bounds_;
  std::vector<std::atomic<std::uint64_t>> counts_;
  std::atomic<double> sum_ = 0;
};

/// Keeps a function as a part of a gauge's value while it lives; must not outlive the metrics.
class GaugeSource {
 public:
  GaugeSource() = default;
  GaugeSource(GaugeSource&& other) noexcept
      : metrics_{std::exchange(other.metrics_, nullptr)}, gauge_{other.gauge_}, id_{other.id_} {}
  GaugeSource& operator=(GaugeSource&& other) noexcept {
    std::swap(metrics_, other.metrics_);
    std::swap(gauge_, other.gauge_);
    std::swap(id_, other.id_);
    return *this;
  }
  /// When it returns, the function is not running and is not called again.
  ~GaugeSource();

 private:
  friend class Metrics;
  GaugeSource(Metrics& metrics, const Gauge& gauge, std::uint64_t id)
      : metrics_{&metrics}, gauge_{&gauge}, id_{id} {}

  Metrics* metrics_ = nullptr;
  const Gauge* gauge_ = nullptr;
  std::uint64_t id_ = 0;
};

/// Names are of the program's making, values may be anything.
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

/// A node's metrics. Any thread may use it.
///
/// A family is a name with its kind and help; within it a series is a set of labels, in whatever order they are
/// given. Asked for again, the same series is answered, which lives as long as this. The number of series is bounded
/// (METRICS-1): past max_series a request for a new one is answered by its family's series {overflow="true"}, for a
/// new family by one common to all of its kind, and counted in troupe_metrics_overflow_total.
class Metrics {
 public:
  static constexpr std::size_t max_series = 10'000;
  static constexpr std::size_t max_label_bytes = 1024;  ///< of a value; more is cut off

  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// The first help of a family stays. @throws Error bug if the name or a label's is not [a-zA-Z_][a-zA-Z0-9_]*, a
  /// label is named twice, "le" or "overflow", or the family is of another kind or has other buckets.
  Counter& counter(std::string_view name, std::string_view help, const MetricLabels& labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, const MetricLabels& labels = {});
  Histogram& histogram(std::string_view name, std::string_view help, const Buckets& buckets = {},
                       const MetricLabels& labels = {});

  /// Adds what `value` returns to a gauge of these metrics whenever they are written, in the writer's thread. It must
  /// not use the metrics but for updates; if it throws, the gauge is NaN that time.
  [[nodiscard]] GaugeSource add_source(const Gauge& gauge, std::function<double()> value);

  /// All of it in Prometheus' text format 0.0.4, families by name, series by labels. Values are read one by one,
  /// while others are updated; a histogram's count is always that of its buckets.
  std::string write() const;

 private:
  friend class GaugeSource;
  struct State;

  void remove_source(const Gauge& gauge, std::uint64_t id) noexcept;

  std::unique_ptr<State> state_;
};

}  // namespace troupe::runtime
