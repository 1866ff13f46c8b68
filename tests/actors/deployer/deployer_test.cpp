#include "actors/deployer/deployer.hpp"

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "runtime/base/error.hpp"
#include "tests/actors/deployer/raw_client.hpp"
#include "tests/actors/deployer/serving_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

const std::string infer = "/v2/models/fake/infer";

std::string rows_body(const std::string& numbers, int rows = 1) {
  return R"({"inputs":[{"name":"x","shape":[)" + std::to_string(rows) +
         R"(,4],"datatype":"FP32","data":[)" + numbers + "]}]}";
}

bool has(const RawResponse& response, const std::string& what) {
  return response.body.find(what) != std::string::npos;
}

std::string member(const std::string& json, const std::string& key) {
  const std::size_t at = json.find("\"" + key + "\":\"");
  if (at == std::string::npos) return "";
  const std::size_t begin = at + key.size() + 4;
  return json.substr(begin, json.find('"', begin) - begin);
}

// Clients that ask all the time, and what became of it.
struct Load {
  Load(std::uint16_t port, int clients) {
    for (int i = 0; i < clients; ++i)
      threads.emplace_back([this, port, i] {
        RawClient client{port};
        for (int k = 0; !stop; ++k) {
          const std::string number = std::to_string(i * 1000 + k % 1000);
          const RawResponse response = client.request("POST", infer, rows_body(number + ",0,0,0"));
          if (response.status == 200 && has(response, "\"data\":[" + number + ",")) {
            ++good;
          } else if (response.status == 503 &&
                     response.head.find("Retry-After") != std::string::npos) {
            ++overloaded;
          } else {
            ++bad;
            const std::lock_guard lock{mutex};
            faults.insert(std::to_string(response.status) + " " + response.body.substr(0, 100));
            return;
          }
        }
      });
  }
  ~Load() { join(); }
  void join() {
    stop = true;
    for (std::thread& thread : threads)
      if (thread.joinable()) thread.join();
  }
  // Until so many more were answered.
  void wait_for(std::int64_t more) {
    const std::int64_t target = good + more;
    while (good < target && bad == 0) std::this_thread::yield();
  }

  std::string what() {
    const std::lock_guard lock{mutex};
    std::string all;
    for (const std::string& fault : faults) all += fault + "; ";
    return all;
  }

  std::atomic<bool> stop = false;
  std::atomic<std::int64_t> good = 0, bad = 0, overloaded = 0;
  std::mutex mutex;
  std::set<std::string> faults;
  std::vector<std::thread> threads;
};

}  // namespace

TEST_CASE("Deployer: serves the Open Inference Protocol once a version is deployed") {
  ServingFixture serving;
  RawClient client{serving.report().port};
  CHECK(client.request("GET", "/v2/health/live").status == 200);
  CHECK(client.request("GET", "/v2/health/ready").status == 503);
  CHECK(client.request("POST", infer, rows_body("1,2,3,4")).status == 503);
  CHECK(serving.deploy("1", "models/1") == "");
  CHECK(client.request("GET", "/v2").status == 200);
  CHECK(client.request("GET", "/v2/health/ready").status == 200);
  CHECK(has(client.request("GET", "/v2/models/fake"), R"("shape":[-1,4])"));
  CHECK(client.request("GET", "/v2/models/fake/versions/1/ready").status == 200);
  CHECK(client.request("GET", "/v2/models/fake/versions/2").status == 404);
  CHECK(client.request("GET", "/v2/models/other").status == 404);
  CHECK(client.request("GET", "/nothing").status == 404);
  const RawResponse not_allowed = client.request("PUT", infer);
  CHECK(not_allowed.status == 405);
  CHECK(not_allowed.head.find("Allow: POST\r\n") != std::string::npos);
  CHECK(client.request("POST", "/v2").head.find("Allow: GET, HEAD\r\n") != std::string::npos);
  CHECK(client.request("POST", infer, "{").status == 400);
  const RawResponse answer = client.request("POST", infer, rows_body("1,2,3,4"));
  CHECK(answer.status == 200);
  CHECK(has(answer, "\"data\":[10,1]"));
  CHECK(has(
      client.request("POST", "/v2/models/fake/versions/1/infer", rows_body("1,1,1,1,2,2,2,2", 2)),
      "\"data\":[4,1,8,1]"));
  const RawResponse metrics = client.request("GET", "/metrics");
  CHECK(has(metrics, "troupe_serving_rows_total{model=\"fake\"} 3"));
  CHECK(serving.node->stop().empty());
}

TEST_CASE("Deployer: a prediction's id takes feedback once") {
  ServingFixture serving{1};
  REQUIRE(serving.deploy("1", "1") == "");
  RawClient client{serving.report().port};
  const std::string id = member(client.request("POST", infer, rows_body("1,2,3,4")).body, "id");
  CHECK(id.size() == 32);
  const std::string path = "/v2/models/fake/feedback";
  CHECK(client.request("POST", path, "{\"id\":\"" + id + "\",\"label\":8}").status == 400);
  CHECK(client.request("POST", path, "{\"id\":\"" + id + "\",\"label\":7}").status == 200);
  CHECK(client.request("POST", path, "{\"id\":\"" + id + "\",\"label\":\"7\"}").status == 409);
  CHECK(client.request("POST", path, R"({"id":"x","label":"7"})").status == 404);
  for (const char* bad : {"", "[]", "{}", R"({"id":"x"})", R"({"id":1,"label":"7"})",
                          R"({"id":"x","rating":"y"})", R"({"id":"x","label":"7","more":1})"}) {
    const RawResponse refused = client.request("POST", path, bad);
    CHECK(refused.status == 400);
    CHECK(has(refused, ", got "));
  }
}

TEST_CASE(
    "Deployer: what cannot be loaded or warmed up never replaces what is served, and one order "
    "goes back") {
  ServingFixture serving;
  RawClient client{serving.report().port};
  CHECK(serving.deploy("1", "1") == "");
  CHECK(serving.deploy("x", "bad").find("a bad model") != std::string::npos);
  CHECK(serving.deploy("x", "cold").find("it cannot compute") != std::string::npos);
  CHECK(serving.deploy("../x", "2").find("expected a version") != std::string::npos);
  CHECK(has(client.request("POST", infer, rows_body("0,0,0,0")), "\"data\":[0,1]"));
  CHECK(serving.roll_back().find("no version before") != std::string::npos);
  CHECK(serving.deploy("2", "2") == "");
  CHECK(has(client.request("POST", infer, rows_body("0,0,0,0")), "\"data\":[0,2]"));
  serving.wait_until([](const DeployerReportMessage& now) { return now.draining.empty(); });
  CHECK(serving.roll_back() == "");
  CHECK(has(client.request("POST", infer, rows_body("0,0,0,0")), "\"data\":[0,1]"));
  CHECK(serving.report().previous == "2");
}

TEST_CASE("Deployer: rows that cannot be computed are 500, and others go on") {
  ServingFixture serving{1};
  REQUIRE(serving.deploy("1", "picky") == "");
  RawClient client{serving.report().port};
  CHECK(client.request("POST", infer, rows_body("-1,0,0,0")).status == 500);
  CHECK(client.request("POST", infer, rows_body("1,0,0,0")).status == 200);
}

TEST_CASE("Deployer: one goes back at once to a version that still finishes what was asked of it") {
  ServingFixture serving{1, [](DeployerOptions& options) {
                           options.dispatcher.max_delay = 10s;  // one row waits for a second one
                           options.dispatcher.max_batch = 2;
                         }};
  REQUIRE(serving.deploy("1", "1") == "");
  RawClient first{serving.report().port}, second{serving.report().port};
  const std::string body = rows_body("1,0,0,0");
  first.send("POST " + infer + " HTTP/1.1\r\nHost: h\r\nContent-Length: " +
             std::to_string(body.size()) + "\r\n\r\n" + body);
  serving.wait_until([](const DeployerReportMessage& now) { return now.queued_rows == 1; });
  CHECK(serving.deploy("2", "2") == "");
  CHECK(serving.report().draining == std::vector<std::string>{"1"});
  CHECK(serving.deploy("1", "2").find("from another folder") != std::string::npos);
  CHECK(serving.roll_back() == "");
  serving.wait_until([](const DeployerReportMessage& now) { return now.draining.empty(); });
  CHECK(has(second.request("POST", infer, rows_body("2,0,0,0")), "\"data\":[2,1]"));
  CHECK(has(first.receive(), "\"data\":[1,1]"));
}

TEST_CASE("Deployer: no request fails while versions come and go under load") {
  ServingFixture serving;
  REQUIRE(serving.deploy("v1", "1") == "");
  Load load{serving.report().port, 4};
  for (int i = 2; i <= 10; ++i) {
    load.wait_for(20);
    REQUIRE(serving.deploy("v" + std::to_string(i), std::to_string(i)) == "");
    serving.wait_until([](const DeployerReportMessage& now) { return now.draining.empty(); });
  }
  CHECK(serving.roll_back() == "");
  load.wait_for(20);
  load.join();
  CHECK(load.overloaded == 0);
  CHECK(load.what() == "");
}

TEST_CASE("Deployer: no request is lost when replicas are killed under load") {
  ServingFixture serving{3};
  REQUIRE(serving.deploy("1", "1") == "");
  Load load{serving.report().port, 4};
  for (int i = 0; i < 30; ++i) {
    load.wait_for(10);
    const std::string path = "/replicas/" + std::to_string(i % 3);
    serving.node->wait_until_running(path, 20s);
    try {
      serving.kill(path);
    } catch (const Error&) {
      // It is being started again.
    }
  }
  load.wait_for(20);
  load.join();
  CHECK(load.what() == "");
  serving.wait_until([](const DeployerReportMessage& now) { return now.ready == 3; });
}

TEST_CASE("Deployer: a front that is started again serves what it served") {
  const TemporaryFolder folder;
  ServingFixture serving{2, [&](DeployerOptions& options) { options.state = folder.path(); }};
  CHECK(serving.deploy("a", "1") == "");
  CHECK(serving.deploy("b", "2") == "");
  serving.kill("/front");
  serving.wait_until([](const DeployerReportMessage& now) { return now.ready == 2; });
  const DeployerReportMessage now = serving.report();
  CHECK(now.version == "b");
  CHECK(now.previous == "a");
  CHECK(has(RawClient{now.port}.request("POST", infer, rows_body("0,0,0,0")), "\"data\":[0,2]"));
  CHECK(serving.roll_back() == "");
  CHECK(has(RawClient{now.port}.request("POST", infer, rows_body("0,0,0,0")), "\"data\":[0,1]"));
}

TEST_CASE(
    "Deployer: past its queue's bound it asks to come again, and a request that never fits is "
    "413") {
  ServingFixture serving{1, [](DeployerOptions& options) {
                           options.max_queue = 2;
                           options.dispatcher.max_delay =
                               10s;  // what waits, waits until it is asked for more
                           options.dispatcher.max_batch = 2;
                         }};
  REQUIRE(serving.deploy("1", "1") == "");
  const std::uint16_t port = serving.report().port;
  RawClient first{port}, second{port};
  CHECK(first.request("POST", infer, rows_body("0,0,0,0,0,0,0,0,0,0,0,0", 3)).status == 413);
  const std::string body = rows_body("1,0,0,0");
  first.send("POST " + infer + " HTTP/1.1\r\nHost: h\r\nContent-Length: " +
             std::to_string(body.size()) + "\r\n\r\n" + body);
  serving.wait_until([](const DeployerReportMessage& now) { return now.queued_rows == 1; });
  const RawResponse refused = second.request("POST", infer, rows_body("0,0,0,0,0,0,0,0", 2));
  CHECK(refused.status == 503);
  CHECK(refused.head.find("Retry-After: 1") != std::string::npos);
  CHECK(second.request("POST", infer, rows_body("2,0,0,0")).status == 200);
  CHECK(first.receive().status == 200);
  serving.wait_until([](const DeployerReportMessage& now) { return now.queued_rows == 0; });
}

TEST_CASE("Deployer: options that would open it to all are refused") {
  DeployerOptions options;
  options.model = "m";
  options.http.listen = "0.0.0.0:0";
  CHECK_THROWS_AS(deployer_options(to_parameters(options)), Error);
  options.http.token = "t";
  CHECK(deployer_options(to_parameters(options)).http.token == "t");
  options.model = "a/b";
  CHECK_THROWS_AS(deployer_options(to_parameters(options)), Error);
}
