#include "actors/coordinator/micro_batches.hpp"

#include <algorithm>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "actors/versions/version_slots.hpp"
#include "runtime/base/error.hpp"

namespace troupe::actors {

using Json = nlohmann::json;

std::optional<std::uint32_t> settled_shards(const MachineFacts& noted, const TrainSpec& train) {
  for (const auto& [key, value] : noted) {
    if (key != shards_fact) continue;
    std::uint32_t shards = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), shards);
    if (error != std::errc{} || end != value.data() + value.size() || shards == 0 ||
        shards > VersionSlots::most_shards || train.batch % shards != 0)
      throw Error{ErrorCode::corrupted,
                  "machine.json: shards: expected a divisor of the batch of " +
                      std::to_string(train.batch) + ", got \"" + value + '"'};
    return shards;
  }
  return {};
}

PreparedJob with_shards(PreparedJob job, std::uint32_t shards) {
  const auto changed = [shards](const std::string& text) {
    Json json = Json::parse(text);
    json["train"]["shards"] = std::to_string(shards);
    return json;
  };
  const Json text = changed(job.job->text());
  job.job = std::make_shared<TrainingJob>(text.dump());
  job.record.config = changed(job.record.config).dump();
  const auto features = text["features"].get<std::vector<std::int64_t>>();
  check_shards(text["model"].dump(), gpu::Shape{std::span{features}}, job.classes,
               job.job->shard_rows());
  return job;
}

PreparedJob with_more_shards(PreparedJob job, const std::string& why) {
  const std::int64_t batch = job.job->spec().batch;
  const std::int64_t most = std::min<std::int64_t>(batch, VersionSlots::most_shards);
  std::int64_t shards = 2 * std::int64_t{job.job->shards()};
  while (shards <= most && batch % shards != 0) ++shards;
  if (shards > most)
    throw Error{ErrorCode::exhausted, why + ": expected more shards of a batch of " +
                                          std::to_string(batch) + " to try, got " +
                                          std::to_string(job.job->shards()) + " already"};
  try {
    return with_shards(std::move(job), static_cast<std::uint32_t>(shards));
  } catch (const Error& error) {
    throw Error{ErrorCode::exhausted,
                why + "; with " + std::to_string(shards) + " shards: " + error.what()};
  }
}

}  // namespace troupe::actors
