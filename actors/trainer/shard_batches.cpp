#include "actors/trainer/shard_batches.hpp"

#include <capnp/message.h>

#include <chrono>
#include <cstring>
#include <tuple>

#include "runtime/actor/context.hpp"
#include "runtime/telemetry/log.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/data.capnp.h"

namespace troupe::actors {

using namespace runtime;
using namespace std::chrono_literals;
using serialization::make_frame;
using serialization::read_head;

namespace {

constexpr Duration answer_within = 10s;
constexpr Duration try_again_after = 20ms;

}  // namespace

bool operator<(const StepPart& a, const StepPart& b) {
  return std::tie(a.step, a.node.first, a.node.count) <
         std::tie(b.step, b.node.first, b.node.count);
}

ShardBatches::ShardBatches(Context& context, std::function<void()> on_arrival)
    : context_{context}, on_arrival_{std::move(on_arrival)} {}

void ShardBatches::begin(std::shared_ptr<const TrainingJob> job) {
  batches_.clear();
  job_ = std::move(job);
}

void ShardBatches::set_loaders(const std::vector<std::string>& paths) {
  loaders_.clear();
  for (const std::string& path : paths) loaders_.push_back(context_.ref(path));
}

void ShardBatches::want(const StepPart& part) {
  if (loaders_.empty()) return;
  for (std::uint32_t s = part.node.first; s < part.node.first + part.node.count; ++s) {
    if (batches_.try_emplace({part.step, s}).second) load(part.step, s);
  }
}

void ShardBatches::forget_before(std::uint64_t step) {
  std::erase_if(batches_, [step](const auto& item) { return item.first.first < step; });
}

void ShardBatches::load(std::uint64_t step, std::uint32_t shard) {
  const Ref& from = loaders_[(step * job_->shards() + shard) % loaders_.size()];
  context_.ask<wire::LoadShard>(
      from, make_frame<wire::LoadShard>([&](auto head) {
        head.setFirstPosition(job_->first_position(step, shard));
        head.setRows(job_->shard_rows());
      }),
      answer_within, [this, job = job_, step, shard](const Answer& answer) {
        const auto at = batches_.find({step, shard});
        if (job != job_ || at == batches_.end()) return;
        if (answer.ok()) {
          take(at->second, answer.frame(), job_->first_position(step, shard));
          on_arrival_();
        } else {
          context_.log().debug("no batch",
                               {{"step", step}, {"shard", shard}, {"why", answer.failure().text}});
          context_.after(try_again_after, [this, step, shard] { load_again(step, shard); });
        }
      });
}

void ShardBatches::load_again(std::uint64_t step, std::uint32_t shard) {
  const auto waiting = batches_.find({step, shard});
  if (waiting == batches_.end() || waiting->second.here) return;
  if (loaders_.empty()) {
    batches_.erase(waiting);  // asked for anew when there is a loader
  } else {
    load(step, shard);
  }
}

void ShardBatches::take(Batch& batch, const Frame& frame, std::uint64_t position) {
  Batch read;
  read.frame = frame;
  read_head<wire::LoadedShard>(frame, [&](wire::LoadedShard::Reader head) {
    const auto digest = head.getDigest();
    if (head.getFirstPosition() != position || digest.size() != sizeof(ShardDigest))
      throw serialization::MalformedFrame{"loaded shard: another one than was asked for"};
    std::memcpy(read.inputs.digest.data(), digest.begin(), sizeof(ShardDigest));
  });
  for (std::size_t i = 0; i < frame.payload_count(); ++i)
    read.inputs.inputs.push_back(frame.payload(i));
  read.here = true;
  batch = std::move(read);
}

bool ShardBatches::ready(const StepPart& part) const {
  for (std::uint32_t s = part.node.first; s < part.node.first + part.node.count; ++s) {
    const auto at = batches_.find({part.step, s});
    if (at == batches_.end() || !at->second.here) return false;
  }
  return true;
}

ShardBatches::Inputs ShardBatches::inputs(const StepPart& part) const {
  Inputs result;
  for (std::uint32_t s = part.node.first; s < part.node.first + part.node.count; ++s) {
    const Batch& batch = batches_.at({part.step, s});
    result.shards.push_back(batch.inputs);
    result.owners.push_back(batch.frame);
  }
  return result;
}

}  // namespace troupe::actors
