#include "actors/deployer/dispatcher.hpp"

#include <cstring>
#include <map>

#include "actors/deployer/serving_messages.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

// Replicas that answer when they are told to; y = 2 x, one FP32 a row.
struct World {
  struct Asked {
    std::uint64_t replica;
    Frame frame;
    std::function<void(const Answer&)> then;
  };

  explicit World(DispatcherOptions options = {.max_batch = 4, .max_delay = 2ms, .timeout = 1s}) {
    Dispatcher::Ports ports;
    ports.now = [this] { return now; };
    ports.ask = [this](std::uint64_t replica, Frame frame, Duration,
                       std::function<void(const Answer&)> then) {
      asked.push_back({replica, std::move(frame), std::move(then)});
    };
    ports.wake_after = [this](Duration delay) { wakes.push_back(now + delay); };
    ports.predicted = [](const InferJob&, std::span<const std::byte>) {};
    ports.sent = [](std::int64_t) {};
    dispatcher = std::make_unique<Dispatcher>(options, std::move(ports));
    auto served = std::make_shared<ServedVersion>();
    served->info = {"m", "1", "troupe", {{"x", "FP32", {}}}, {{"y", "FP32", {}}}};
    served->in_bytes = served->out_bytes = 4;
    served->max_rows = 4;
    version = served;
  }

  void submit(const std::string& id, std::vector<float> rows) {
    InferJob job;
    job.version = version;
    job.request.id = id;
    job.request.count = static_cast<std::int64_t>(rows.size());
    job.request.rows.resize(rows.size() * 4);
    std::memcpy(job.request.rows.data(), rows.data(), rows.size() * 4);
    job.request.outputs = {{0, false, 0}};
    job.respond = Respond{[this, id](Respond::Build build) { answers[id].push_back(build()); }};
    dispatcher->submit(std::move(job));
  }
  void advance(Duration by) {
    now += by;
    dispatcher->wake();
  }
  Asked take(std::size_t i = 0) {
    REQUIRE(i < asked.size());
    Asked one = std::move(asked[i]);
    asked.erase(asked.begin() + static_cast<std::ptrdiff_t>(i));
    return one;
  }
  void compute(const Asked& one) {
    std::vector<float> out;
    for (const float x : one.frame.payload_of<float>(0)) out.push_back(2 * x);
    one.then(Answer{predicted_frame({.nanoseconds = 1000}, std::as_bytes(std::span{out}))});
  }
  void fail(const Asked& one, FailureKind kind) { one.then(Answer{Failure{kind, "as told"}}); }
  unsigned status(const std::string& id) {
    return answers[id].size() == 1 ? answers[id][0].status : 0;
  }
  bool says(const std::string& id, const std::string& what) {
    return status(id) == 200 && answers[id][0].body.find(what) != std::string::npos;
  }

  TimePoint now{};
  Lease version;
  std::vector<Asked> asked;
  std::vector<TimePoint> wakes;
  std::map<std::string, std::vector<HttpResponse>> answers;
  std::unique_ptr<Dispatcher> dispatcher;
};

}  // namespace

TEST_CASE("Dispatcher: DISP-1: requests share a batch, each gets its own rows") {
  World world;
  world.dispatcher->add(1, "1");
  world.submit("a", {1});
  world.submit("b", {2, 3});
  CHECK(world.asked.empty());
  CHECK(world.wakes.back() == TimePoint{} + 2ms);
  world.advance(2ms);
  world.compute(world.take());
  CHECK(world.says("a", "\"data\":[2]"));
  CHECK(world.says("b", "\"data\":[4,6]"));
  CHECK(world.dispatcher->open() == 0);
}

TEST_CASE("Dispatcher: a large request is put together from several batches") {
  World world;
  world.dispatcher->add(1, "1");
  world.dispatcher->add(2, "1");
  world.submit("a", {1, 2, 3, 4, 5, 6, 7, 8});
  REQUIRE(world.asked.size() == 2);
  world.compute(world.take(1));
  CHECK(world.status("a") == 0);
  world.compute(world.take(0));
  CHECK(world.says("a", "\"data\":[2,4,6,8,10,12,14,16]"));
}

TEST_CASE(
    "Dispatcher: DISP-2: rows of a replica that ended go to another one, at once or when there is "
    "one") {
  World world;
  world.dispatcher->add(1, "1");
  world.submit("a", {1});
  world.advance(2ms);
  world.fail(world.take(), FailureKind::ended);
  CHECK(world.asked.empty());
  world.dispatcher->add(2, "1");
  REQUIRE(world.asked.size() == 1);
  CHECK(world.asked[0].replica == 2);
  world.compute(world.take());
  CHECK(world.says("a", "\"data\":[2]"));
}

TEST_CASE("Dispatcher: DISP-2: rows that end every replica are given up") {
  World world;
  world.submit("a", {1});
  world.advance(2ms);
  std::uint64_t id = 0;
  while (world.status("a") == 0) {
    world.dispatcher->add(++id, "1");
    world.fail(world.take(), FailureKind::ended);
  }
  CHECK(id == Dispatcher::max_attempts);
  CHECK(world.status("a") == 503);
}

TEST_CASE(
    "Dispatcher: a replica that began anew and lacks the version is not asked again until it has "
    "it") {
  World world;
  world.dispatcher->add(1, "1");
  world.submit("a", {1});
  world.advance(2ms);
  world.take().then(Answer{
      predicted_frame({.nanoseconds = 0, .not_loaded = true}, std::span<const std::byte>{})});
  CHECK(world.asked.empty());
  world.dispatcher->add(1, "1");
  world.compute(world.take());
  CHECK(world.status("a") == 200);
}

TEST_CASE(
    "Dispatcher: what has no time left is answered: 503 if it waits, 504 if it is computed, 500 if "
    "that fails") {
  World world;
  world.submit("waits", {1});
  world.advance(1s);
  CHECK(world.status("waits") == 503);
  CHECK(world.answers["waits"][0].headers[0].first == "Retry-After");
  world.dispatcher->add(1, "1");
  CHECK(world.asked.empty());
  world.submit("slow", {1});
  world.advance(2ms);
  const World::Asked one = world.take();
  world.advance(1s);
  CHECK(world.status("slow") == 504);
  world.compute(one);
  CHECK(world.answers["slow"].size() == 1);
  world.submit("bad", {1});
  world.advance(2ms);
  world.fail(world.take(), FailureKind::refused);
  CHECK(world.status("bad") == 500);
  CHECK(world.dispatcher->open() == 0);
}

TEST_CASE(
    "Dispatcher: DISP-4: rows that a replica is late with go to another one too, and what comes "
    "first counts") {
  World world;
  for (const std::uint64_t id : {1, 2, 3}) world.dispatcher->add(id, "1");
  world.submit("a", {1, 2, 3, 4, 5});
  world.advance(2ms);
  REQUIRE(world.asked.size() == 2);
  const World::Asked hangs = world.take();
  world.compute(world.take());
  CHECK(world.wakes.back() <= world.now + 250ms);
  world.advance(247ms);  // 249 ms since it was asked
  CHECK(world.asked.empty());
  world.advance(1ms);
  const World::Asked second = world.take();
  CHECK(second.replica != hangs.replica);
  world.advance(250ms);
  CHECK(world.asked.empty());  // not a third one
  // The one that is late is given no more.
  for (int i = 0; i < 2; ++i) world.submit("b" + std::to_string(i), {1, 2, 3, 4});
  REQUIRE(world.asked.size() == 2);
  for (const World::Asked& one : world.asked)
    CHECK(one.replica + hangs.replica + second.replica == 6);
  world.compute(world.take());
  world.compute(world.take());
  world.compute(second);
  CHECK(world.says("a", "\"data\":[2,4,6,8,10]"));
  world.compute(hangs);
  CHECK(world.answers["a"].size() == 1);
  CHECK(world.dispatcher->open() == 0);
}

TEST_CASE(
    "Dispatcher: DISP-4: a replica that was late with all it had is given more once it answers") {
  World world;
  world.dispatcher->add(1, "1");
  world.submit("a", {1, 2, 3, 4});
  world.submit("b", {1, 2, 3, 4});
  const World::Asked a = world.take(), b = world.take();
  world.advance(1s);
  CHECK(world.status("a") == 504);
  world.submit("c", {1, 2, 3, 4});
  world.compute(a);
  CHECK(world.asked.empty());
  world.compute(b);
  world.compute(world.take());
  CHECK(world.status("c") == 200);
  // One that ends is late no more.
  world.submit("d", {1, 2, 3, 4});
  world.advance(300ms);
  world.dispatcher->add(2, "1");
  world.fail(world.take(), FailureKind::ended);
  CHECK(world.take().replica == 2);
}

TEST_CASE("Dispatcher: an answer of another size is none") {
  World world;
  world.dispatcher->add(1, "1");
  world.submit("a", {1});
  world.advance(2ms);
  world.take().then(Answer{predicted_frame({.nanoseconds = 1}, std::span<const std::byte>{})});
  world.compute(world.take());
  CHECK(world.says("a", "\"data\":[2]"));
}
