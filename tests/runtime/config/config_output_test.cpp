// What explain(), job_fingerprint() and describe_types() say of a config.
#include "runtime/config/config.hpp"

#include "tests/runtime/config/examples.hpp"

namespace troupe::runtime {

using namespace test;

TEST_CASE("Config: what explain() prints reads back as the same tree") {
  const std::string every = R"(name: n
strategy: one_for_all
backoff: {first: 1.5ms, factor: 1.1}
actors:
  - name: "0"
    type: every_kind
    replicas: 0
    isolation: process
    with:
      on: true
      rate: 1e-300
      every: 90s
      room: 64MiB
      mode: exact
      names: ["true", "", "a b", "$${x}", "\"\\\n\x01ü", null_, "- x", "1"]
      weights: [0.1, -3, 1e22]
  - {name: w, type: worker, replicas: 2, with: {feed: w/1}, restart: temporary, start_within: 23h}
  - name: s
    supervisor: {intensity: 0}
    stop_within: 7s
    restart: transient
    actors: []
  - {name: big, type: counter, replicas: 5000}
)";
  const Registry registry = example_registry();
  for (const std::string& text : {every, documented_example()}) {
    const ConfigResult first = read(text);
    REQUIRE(problems(first) == "");
    const std::string explained = explain(first.config, registry);
    const ConfigResult second = read(explained);
    CHECK(problems(second) == "");
    CHECK(explain(second.config, registry) == explained);
    CHECK(job_fingerprint(second.config, registry) == job_fingerprint(first.config, registry));
    CHECK(second.config.groups.size() == first.config.groups.size());
  }
  CHECK(child(read(every).config.root, "w").start_within == std::chrono::hours{24});
}

TEST_CASE("Config: explain() fills in every default and marks what belongs to the job") {
  const Registry registry = example_registry();
  CHECK(explain(read("name: n\nactors: [{name: a, type: counter}]\n").config, registry) ==
        R"(name: n
strategy: one_for_one
intensity: 3
period: 5s
backoff: {first: 0s, limit: 30s, factor: 2, jitter: 0.2}
actors:
  - name: a
    type: counter
    with:
      start: 0  # job
    restart: permanent
    isolation: none
    start_within: 30s
    stop_within: 5s
)");
}

TEST_CASE("Config: the fingerprint changes with the job, and with nothing else") {
  const Registry registry = example_registry();
  const std::string text = R"(name: n
actors:
  - {name: store, type: counter, replicas: 2, with: {start: 5}}
  - {name: w, type: worker, with: {feed: store}}
)";
  const auto fingerprint = [&](std::vector<Override> overrides) {
    const ConfigResult result = read(text, std::move(overrides));
    CHECK(problems(result) == "");
    return job_fingerprint(result.config, registry);
  };
  const std::string job = fingerprint({});
  CHECK(job.size() == 64);
  for (const Override& same : std::vector<Override>{{"store.replicas", "0"},
                                                    {"store.replicas", "7"},
                                                    {"name", "m"},
                                                    {"intensity", "9"},
                                                    {"store.restart", "temporary"},
                                                    {"w.with.greeting", "x"},
                                                    {"store.with.start", "5"}})
    CHECK(fingerprint({same}) == job);
  CHECK(fingerprint({{"store.with.start", "6"}}) != job);
  CHECK(fingerprint({{"store.name", "shop"}, {"w.with.feed", "shop"}}) != job);
  CHECK(fingerprint({{"w.type", "counter"}, {"w.with", "{}"}}) != job);
}

TEST_CASE("Config: types are described within 100 columns") {
  const std::string text = describe_types(example_registry());
  CHECK(
      text ==
      R"(counter (application): Counts what it is told, and says how far it came when asked, which is all
  that it can do, and enough for an example.
  start  integer, default 0, 0 to 100, job
         Where it starts.

every_kind (application): Has a parameter of each kind.
  on       boolean, default false, run
  rate     number, default 0.1, job
  every    duration, default 1s, at least 500ms, run
           How often.
  room     size, default 1024, run
  mode     text, default fast, one of fast | exact, run
  names    texts, default [], run
  weights  numbers in kg, default [1, 2.5], run

worker (application): Works.
  feed      path, required, run
            Who feeds it.
  greeting  text, default hi, run
            What it says.
)");
}

}  // namespace troupe::runtime
