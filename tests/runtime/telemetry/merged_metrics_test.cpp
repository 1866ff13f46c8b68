#include "runtime/telemetry/merged_metrics.hpp"

#include "runtime/telemetry/metrics.hpp"

using namespace troupe::runtime;

TEST_CASE("merged metrics: each family once, with the series of all processes") {
  const std::string here =
      "# HELP a_total what\n# TYPE a_total counter\na_total{type=\"x\"} 1\n"
      "# HELP c plain\n# TYPE c gauge\nc 5\n";
  const std::string there =
      "# HELP a_total what\n# TYPE a_total counter\na_total{type=\"x\"} 2\n"
      "# HELP b_seconds long\n# TYPE b_seconds histogram\nb_seconds_bucket{le=\"+Inf\"} 3\nb_seconds_sum 1.5\n";
  CHECK(merged_metrics({{"", here}, {"/w/\"0\"\\", there}}) ==
        "# HELP a_total what\n# TYPE a_total counter\na_total{type=\"x\"} 1\n"
        "a_total{process=\"/w/\\\"0\\\"\\\\\",type=\"x\"} 2\n"
        "# HELP b_seconds long\n# TYPE b_seconds histogram\n"
        "b_seconds_bucket{process=\"/w/\\\"0\\\"\\\\\",le=\"+Inf\"} 3\n"
        "b_seconds_sum{process=\"/w/\\\"0\\\"\\\\\"} 1.5\n"
        "# HELP c plain\n# TYPE c gauge\nc 5\n");
}

TEST_CASE("merged metrics: one process alone is what it wrote") {
  Metrics metrics;
  metrics.counter("b_total", "b", {{"of", "x\ny"}}).add(3);
  metrics.gauge("a", "a").set(-1);
  metrics.histogram("h_seconds", "h").observe(0.5);
  CHECK(merged_metrics({{"", metrics.write()}}) == metrics.write());
}

TEST_CASE("merged metrics: what is no metric is left out") {
  CHECK(merged_metrics({{"/w", ""}, {"/x", "nonsense\n\n# what\nmore{\n"}}) == "");
  CHECK(merged_metrics({{"/w", "# HELP a b\n# TYPE a gauge\nwordalone\n# a remark\na 1"}}) ==
        "# HELP a b\n# TYPE a gauge\na{process=\"/w\"} 1\n");
  const std::string head = "# HELP a b\n# TYPE a gauge\n";
  for (const char* const bad : {"this is { no metric", "b 1", "a{process=\"/other\"} 1", "a{x=\"1\"", "a{x=\"1\"} one",
                                "a{x=\"1\",process=\"y\"} 1", "a{x=1} 1", "a", "a ", "a{x=\"1\"}1"})
    CHECK(merged_metrics({{"/w", head + bad + "\n"}}) == head);
  CHECK(merged_metrics({{"/w", head + "a{x=\"} ,process=\\\"\"} NaN\n"}}) ==
        head + "a{process=\"/w\",x=\"} ,process=\\\"\"} NaN\n");
  CHECK(merged_metrics({{"/w", "# HELP"}, {"/w", "# HELP "}}).size() < 20);
}
