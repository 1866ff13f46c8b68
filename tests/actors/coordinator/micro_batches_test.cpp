#include "actors/coordinator/micro_batches.hpp"

#include <memory>

#include "runtime/base/error.hpp"

using namespace troupe;
using namespace troupe::actors;

namespace {

PreparedJob job(const std::string& model = R"([{"dense":{"units":"3"}}])") {
  PreparedJob result;
  const std::string train =
      R"({"steps":"4","batch":"24","shards":"2","device":"cuda","micro_batches":"auto"})";
  result.classes = 3;
  result.job = std::make_shared<TrainingJob>(
      training_job_text(5, 1000, gpu::Shape{4}, result.classes, model, train));
  result.record.config = R"({"train":)" + train + "}";
  return result;
}

}  // namespace

TEST_CASE("micro_batches: more shards are at least twice as many and divide the batch") {
  PreparedJob now = job();
  for (const std::uint32_t wanted : {4U, 8U, 24U}) {
    const std::uint64_t before = now.job->id();
    now = with_more_shards(now, "too large");
    CHECK(now.job->shards() == wanted);
    CHECK(now.job->id() != before);
    CHECK(now.record.config.find("\"shards\":\"" + std::to_string(wanted) + '"') !=
          std::string::npos);
  }
  CHECK_THROWS_WITH_AS(with_more_shards(now, "too large"),
                       "too large: expected more shards of a batch of 24 to try, got 24 already",
                       Error);
}

TEST_CASE("micro_batches: a model that does not take shards so small ends it") {
  const PreparedJob normed = job(R"(["batch_norm",{"dense":{"units":"3"}}])");
  CHECK_THROWS_AS(
      [&] {
        PreparedJob now = normed;
        while (true) now = with_more_shards(now, "too large");
      }(),
      Error);
}

TEST_CASE("micro_batches: what was settled is read again, and nothing else") {
  const PreparedJob prepared = job();
  const TrainSpec& train = prepared.job->train();
  CHECK_FALSE(settled_shards({{"cpu.isa", "avx2"}}, train));
  CHECK(settled_shards({{"cpu.isa", "avx2"}, {"shards", "8"}}, train) == 8);
  for (const char* wrong : {"", "0", "7", "8x", "-8", "99999999999"})
    CHECK_THROWS_AS(settled_shards({{"shards", wrong}}, train), Error);
}
