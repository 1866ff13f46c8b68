#include "runtime/telemetry/metrics.hpp"

#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <thread>

#include "runtime/base/error.hpp"

using namespace troupe;
using namespace troupe::runtime;

namespace {

/// Reads Prometheus' text format 0.0.4, and fails on all that the format or this writer does not allow.
class Exposition {
 public:
  explicit Exposition(const std::string& text) : rest_{text} {
    REQUIRE(text.ends_with('\n'));
    while (!rest_.empty()) family();
  }

  /// By name with labels as written: x{a="b"}.
  double at(const std::string& series) const {
    CAPTURE(series);
    REQUIRE(samples.contains(series));
    return samples.at(series);
  }

  std::vector<std::string> order;  // of the families
  std::map<std::string, std::string> helps, kinds;
  std::map<std::string, double> samples;

 private:
  static bool starts_name(char c) {
    return std::isalpha(static_cast<unsigned char>(c)) || c == '_';
  }

  void expect(std::string_view text) {
    REQUIRE(rest_.substr(0, text.size()) == text);
    rest_.remove_prefix(text.size());
  }
  bool accept(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string name() {
    REQUIRE(!rest_.empty());
    REQUIRE(starts_name(rest_[0]));
    std::size_t end = 1;
    while (end < rest_.size() &&
           (starts_name(rest_[end]) || std::isdigit(static_cast<unsigned char>(rest_[end]))))
      ++end;
    const std::string result{rest_.substr(0, end)};
    rest_.remove_prefix(end);
    return result;
  }
  std::string until_line_end() {
    const std::size_t end = rest_.find('\n');
    REQUIRE(end != std::string_view::npos);
    const std::string result{rest_.substr(0, end)};
    rest_.remove_prefix(end + 1);
    return result;
  }
  /// The rest of a quoted value, without escapes.
  std::string value() {
    std::string result;
    while (!accept('"')) {
      REQUIRE(!rest_.empty());
      REQUIRE(rest_[0] != '\n');
      if (accept('\\')) {
        REQUIRE((rest_[0] == '\\' || rest_[0] == '"' || rest_[0] == 'n'));
        result += rest_[0] == 'n' ? '\n' : rest_[0];
      } else {
        result += rest_[0];
      }
      rest_.remove_prefix(1);
    }
    return result;
  }
  static double number(const std::string& text) {
    if (text == "+Inf") return std::numeric_limits<double>::infinity();
    if (text == "-Inf") return -std::numeric_limits<double>::infinity();
    if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
    std::size_t used = 0;
    const double result = std::stod(text, &used);
    REQUIRE(used == text.size());
    return result;
  }

  void family() {
    expect("# HELP ");
    const std::string family = name();
    REQUIRE(!kinds.contains(family));
    if (!order.empty()) REQUIRE(order.back() < family);
    order.push_back(family);
    expect(" ");
    helps[family] = until_line_end();
    expect("# TYPE " + family + ' ');
    const std::string kind = kinds[family] = until_line_end();
    REQUIRE((kind == "counter" || kind == "gauge" || kind == "histogram"));
    while (!rest_.empty() && rest_[0] != '#') sample(family, kind == "histogram");
    REQUIRE(!bucket_open_);
  }

  void sample(const std::string& family, bool histogram) {
    const std::string full = name();
    const std::string suffix = full.substr(std::min(full.size(), family.size()));
    REQUIRE(full == family + suffix);
    REQUIRE((histogram ? suffix == "_bucket" || suffix == "_sum" || suffix == "_count"
                       : suffix.empty()));
    std::string key = full, bound;
    std::set<std::string> seen;
    if (accept('{')) {
      key += '{';
      do {
        const std::string label = name();
        REQUIRE(seen.insert(label).second);
        expect("=\"");
        const std::string text = value();
        if (label == "le") bound = text;
        key += (seen.size() > 1 ? "," : "") + label + "=\"" + text + '"';
      } while (accept(','));
      expect("}");
      key += '}';
    }
    expect(" ");
    const double read = number(until_line_end());
    REQUIRE(samples.emplace(key, read).second);
    REQUIRE((suffix == "_bucket") == seen.contains("le"));
    if (suffix == "_bucket") bucket(number(bound), read);
    if (suffix == "_sum") REQUIRE(last_bound_ == std::numeric_limits<double>::infinity());
    if (suffix == "_count") {
      REQUIRE(read == last_count_);
      bucket_open_ = false;
    }
  }

  /// Bounds ascend, counts do not descend.
  void bucket(double bound, double count) {
    if (bucket_open_) {
      REQUIRE(bound > last_bound_);
      REQUIRE(count >= last_count_);
    }
    bucket_open_ = true;
    last_bound_ = bound;
    last_count_ = count;
  }

  std::string_view rest_;
  bool bucket_open_ = false;
  double last_bound_ = 0, last_count_ = 0;
};

ErrorCode code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(std::string_view{error.what()}.find('\n') == std::string_view::npos);
    return error.code();
  }
  FAIL("nothing was thrown");
  return {};
}

}  // namespace

TEST_CASE("Metrics: the text format is exactly this") {
  Metrics metrics;
  metrics.counter("b_total", "Counts.", {{"z", "1"}, {"a", "2"}}).add(3);
  metrics.gauge("c", "Goes up\nand \\ down.").set(-0.5);
  Histogram& h = metrics.histogram("a_seconds", "Takes.", {0.5, 2, 2}, {{"k", "v"}});
  for (const double value : {0.5, 0.6, 7.0}) h.observe(value);
  CHECK(metrics.write() ==
        "# HELP a_seconds Takes.\n"
        "# TYPE a_seconds histogram\n"
        "a_seconds_bucket{k=\"v\",le=\"0.5\"} 1\n"
        "a_seconds_bucket{k=\"v\",le=\"1\"} 2\n"
        "a_seconds_bucket{k=\"v\",le=\"+Inf\"} 3\n"
        "a_seconds_sum{k=\"v\"} 8.1\n"
        "a_seconds_count{k=\"v\"} 3\n"
        "# HELP b_total Counts.\n"
        "# TYPE b_total counter\n"
        "b_total{a=\"2\",z=\"1\"} 3\n"
        "# HELP c Goes up\\nand \\\\ down.\n"
        "# TYPE c gauge\n"
        "c -0.5\n"
        "# HELP troupe_metrics_overflow_total Requests for a series that there was no room for.\n"
        "# TYPE troupe_metrics_overflow_total counter\n"
        "troupe_metrics_overflow_total 0\n");
}

TEST_CASE("Metrics: label values may be anything, and are read back as they were") {
  Metrics metrics;
  metrics.gauge("g", "", {{"v", "a\"b\\c\nd,}={ \xff\u20ac"}}).set(1);
  const Exposition read{metrics.write()};
  CHECK(read.at("g{v=\"a\"b\\c\nd,}={ \ufffd\u20ac\"}") == 1);
}

TEST_CASE("Metrics: numbers that are none have the format's names") {
  Metrics metrics;
  const double infinity = std::numeric_limits<double>::infinity();
  metrics.gauge("g", "", {{"v", "1"}}).set(infinity);
  metrics.gauge("g", "", {{"v", "2"}}).set(-infinity);
  metrics.gauge("g", "", {{"v", "3"}}).set(std::numeric_limits<double>::quiet_NaN());
  Histogram& h = metrics.histogram("h", "");
  h.observe(infinity);
  h.observe(std::numeric_limits<double>::quiet_NaN());
  const Exposition read{metrics.write()};
  CHECK(read.at("g{v=\"1\"}") == infinity);
  CHECK(read.at("g{v=\"2\"}") == -infinity);
  CHECK(std::isnan(read.at("g{v=\"3\"}")));
  CHECK(read.at("h_count") == 1);
  CHECK(read.at("h_sum") == infinity);
}

TEST_CASE("Metrics: the same name and labels are the same series, in whatever order") {
  Metrics metrics, other;
  CHECK(&metrics.counter("x", "", {{"a", "1"}, {"b", "2"}}) ==
        &metrics.counter("x", "", {{"b", "2"}, {"a", "1"}}));
  CHECK(&metrics.counter("x", "") != &metrics.counter("x", "", {{"a", "1"}}));
  CHECK(&metrics.histogram("h", "") == &metrics.histogram("h", ""));
  CHECK(&metrics.counter("x", "") != &other.counter("x", ""));
}

TEST_CASE("Metrics: misuse is told, in one line") {
  Metrics metrics;
  metrics.counter("x", "");
  metrics.histogram("h", "", {1, 2, 3});
  metrics.counter("y_sum", "");
  const std::vector<std::function<void()>> wrongs = {
      [&] { metrics.counter("", ""); },
      [&] { metrics.counter("1x", ""); },
      [&] { metrics.counter("a\nb", ""); },
      [&] {
        metrics.counter("x", "", {{"a b", "1"}});
      },
      [&] {
        metrics.counter("x", "", {{"a", "1"}, {"a", "2"}});
      },
      [&] {
        metrics.counter("x", "", {{"le", "1"}});
      },
      [&] {
        metrics.counter("x", "", {{"overflow", "1"}});
      },
      [&] { metrics.gauge("x", ""); },
      [&] {
        metrics.histogram("h", "", {1, 2, 4});
      },
      [&] {
        metrics.histogram("i", "", {0, 2, 4});
      },
      [&] {
        metrics.histogram("i", "", {1, 1, 4});
      },
      [&] {
        metrics.histogram("i", "", {1, 2, 0});
      },
      [&] {
        metrics.histogram("i", "", {1, 2, 65});
      },
      [&] {
        metrics.histogram("i", "", {1, 1e200, 3});
      },
      [&] { metrics.counter("h_count", ""); },
      [&] { metrics.histogram("y", ""); },
  };
  for (std::size_t i = 0; i < wrongs.size(); ++i) {
    CAPTURE(i);
    CHECK(code_of(wrongs[i]) == ErrorCode::bug);
  }
  Exposition{metrics.write()};
}

TEST_CASE(
    "METRICS-1: past the bound an overflow series takes the updates, and requests are counted") {
  Metrics metrics;
  Gauge& before = metrics.gauge("before", "");
  for (std::size_t i = 0; i < Metrics::max_series + 5; ++i) {
    metrics.counter("x", "", {{"i", std::to_string(i)}}).add();
  }
  metrics.counter("y", "").add(7);
  metrics.histogram("z", "", {1, 2, 3}).observe(1);
  metrics.counter("x", "", {{"i", "0"}}).add();
  CHECK(&metrics.gauge("before", "") == &before);
  const Exposition read{metrics.write()};
  // Two of the bound are taken by "before" and the counter of the overflow itself.
  CHECK(read.at("x{overflow=\"true\"}") == 7);
  CHECK(read.at("x{i=\"0\"}") == 2);
  CHECK(read.at("troupe_metrics_overflow_counter{overflow=\"true\"}") == 7);
  CHECK(read.at("troupe_metrics_overflow_histogram_count{overflow=\"true\"}") == 1);
  CHECK(read.at("troupe_metrics_overflow_total") == 9);
  CHECK(!read.kinds.contains("y"));
}

TEST_CASE("Metrics: a gauge adds up what it was set to and its sources, while they live") {
  Metrics metrics;
  Gauge& depth = metrics.gauge("depth", "");
  Gauge& other = metrics.gauge("other", "");
  depth.set(1);
  depth.add(0.5);
  const GaugeSource unrelated = metrics.add_source(other, [] { return 100.0; });
  GaugeSource first = metrics.add_source(depth, [] { return 2.0; });
  {
    GaugeSource second = metrics.add_source(depth, [] { return 4.0; });
    const GaugeSource moved = std::move(second);
    CHECK(Exposition{metrics.write()}.at("depth") == 7.5);
  }
  CHECK(Exposition{metrics.write()}.at("depth") == 3.5);
  first = {};
  CHECK(Exposition{metrics.write()}.at("depth") == 1.5);
  const GaugeSource broken =
      metrics.add_source(depth, []() -> double { throw std::runtime_error{"gone"}; });
  const Exposition read{metrics.write()};
  CHECK(std::isnan(read.at("depth")));
  CHECK(read.at("other") == 100);
}

TEST_CASE("Metrics: threads create, update and write at once") {
  Metrics metrics;
  constexpr int threads = 4, each = 2000;
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      Counter& shared = metrics.counter("shared", "");
      Histogram& h = metrics.histogram("h", "", {1, 2, 8});
      Gauge& g = metrics.gauge("g", "");
      for (int i = 0; i < each; ++i) {
        shared.add();
        h.observe(i % 300);
        g.add(1);
        if (i % 100 == 0) {
          const GaugeSource source = metrics.add_source(g, [] { return 0.0; });
          metrics.counter("own", "", {{"t", std::to_string(t)}, {"i", std::to_string(i)}}).add();
        }
      }
    });
  }
  for (int i = 0; i < 10; ++i) Exposition{metrics.write()};
  for (std::thread& worker : workers) worker.join();
  const Exposition read{metrics.write()};
  CHECK(read.at("shared") == threads * each);
  CHECK(read.at("g") == threads * each);
  CHECK(read.at("h_count") == threads * each);
}
