#include "tests/bench/resident_training.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>
#include <span>
#include <utility>

#include "actors/loader/record_layout.hpp"
#include "actors/model/model_spec.hpp"
#include "gpu/transform/transform_chain.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"
#include "runtime/base/permutation.hpp"
#include "serialization/little_endian.hpp"
#include "serialization/xxh3.hpp"

namespace troupe::bench {

using namespace actors;
using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::uint64_t seed = 1;
constexpr std::chrono::seconds save_every{1};
constexpr std::size_t batches_on_host = 2;

/// Layers as a job's section "model" has them, whose features are called so.
std::string model_section(const gpu::nn::ModelDescription& model) {
  const Json whole = Json::parse(model_json(model));
  Json section = Json::array();
  for (const Json& layer : whole.at("layers")) {
    Json with = layer.at("attributes");
    with["name"] = layer.at("name");
    with["inputs"] = Json::array();
    for (const Json& input : layer.at("inputs"))
      with["inputs"].push_back(input == model.inputs[0].name ? Json(features_input) : input);
    section.push_back({{layer.at("type").get<std::string>(), std::move(with)}});
  }
  return section.dump();
}

std::string train_section(const StepCase& of, const std::string& train) {
  Json section = Json::parse("{" + of.train + "}");
  section.update(Json::parse("{" + train + "}"));
  section.update({{"steps", 1'000'000'000}, {"batch", of.batch}, {"shards", 1}});
  section.update({{"learning_rate", 1e-4}, {"schedule", "constant"}});
  return section.dump();
}

/// What brings 8 bits to -1 ... 1.
gpu::TransformChain scaled(const gpu::Shape& shape) {
  return gpu::TransformChain{{gpu::Scale{1.0 / 127.5, -1.0}}, shape, gpu::DType::u8};
}

}  // namespace

struct ResidentTraining::Records {
  RecordLayout layout;
  std::uint64_t samples;
  std::vector<std::byte> bytes;

  Records(const gpu::Shape& shape, std::int64_t classes, std::uint64_t count)
      : layout{shape, gpu::DType::u8, classes},
        samples{count},
        bytes(samples * layout.bytes() + sizeof(std::uint64_t)) {
    std::mt19937_64 random{seed};
    for (std::size_t at = 0; at + sizeof(std::uint64_t) <= bytes.size();
         at += sizeof(std::uint64_t)) {
      const std::uint64_t drawn = random();
      std::memcpy(&bytes[at], &drawn, sizeof drawn);
    }
    for (std::uint64_t i = 0; i < samples; ++i) {
      const auto label =
          static_cast<std::int32_t>(random() % static_cast<std::uint64_t>(layout.classes));
      std::memcpy(&bytes[i * layout.bytes() + layout.label_offset()], &label, sizeof label);
    }
  }

  std::span<const std::byte> record_at(std::uint64_t position) const {
    const std::uint64_t index = sample_index(seed, position, samples);
    return std::span{bytes}.subspan(index * layout.bytes(), layout.bytes());
  }
  /// As that of a loader's batch.
  ShardDigest digest(PositionRange positions) const {
    serialization::Xxh3_128 hash;
    for (std::uint64_t p = positions.first; p < positions.last; ++p) {
      std::array<std::byte, 8> position;
      serialization::store_little(position, 0, p);
      hash.update(position);
      hash.update(record_at(p));
    }
    return hash.finish();
  }
};

ResidentTraining::ResidentTraining(const StepCase& of, gpu::Device& device,
                                   const std::string& train)
    : device_{device} {
  const gpu::Shape& shape = of.model.inputs[0].shape;
  job_ = std::make_shared<const TrainingJob>(training_job_text(
      seed, of.samples, shape, of.classes, model_section(of.model), train_section(of, train)));
  records_ = std::make_shared<const Records>(shape, of.classes, of.samples);
  runner_ = std::make_unique<ShardRunner>(job_, device);
  resident_ = std::make_unique<ResidentJob>(job_, device, *runner_);
  saved_ = gpu::allocate_host(job_->layout().slot_bytes);
  const std::span<std::byte> start{saved_->data(), job_->layout().slot_bytes};
  job_->graph().initialise(job_->layout(), seed, start);
  resident_->load(0, start);
  saved_at_ = Clock::now();
  put_on_device();
  if (!resident_->has_data()) make_batches();
}

ResidentTraining::~ResidentTraining() {
  if (saving_.valid()) saving_.wait();
}

void ResidentTraining::put_on_device() {
  const RecordLayout& layout = records_->layout;
  const gpu::TransformChain chain = scaled(layout.shape);
  gpu::ResidentSpec spec;
  spec.records = std::span{records_->bytes}.first(records_->samples * layout.bytes());
  spec.record_bytes = layout.bytes();
  spec.label_offset_bytes = layout.label_offset();
  spec.samples = records_->samples;
  spec.seed = seed;
  spec.chain = &chain;
  spec.rows = job_->shard_rows();
  DeviceData data;
  data.rows = device_.make_resident(spec);
  if (data.rows == nullptr) return;
  data.digest = [records = records_](PositionRange positions) {
    return records->digest(positions);
  };
  resident_->make_room_for_batches();
  resident_->set_data(std::move(data));
}

void ResidentTraining::make_batches() {
  const FloatEnvironment environment;
  const RecordLayout& layout = records_->layout;
  const gpu::TransformChain chain = scaled(layout.shape);
  const std::size_t row_bytes = layout.elements() * sizeof(float), label_bytes = 4;
  const std::uint64_t rows = job_->shard_rows();
  gpu::TransformScratch scratch;
  for (std::uint64_t b = 0; b < batches_on_host; ++b) {
    const auto features = gpu::allocate_host(rows * row_bytes),
               labels = gpu::allocate_host(rows * label_bytes);
    for (std::uint64_t row = 0; row < rows; ++row) {
      const std::uint64_t position = b * rows + row;
      const std::span<const std::byte> record = records_->record_at(position);
      chain.apply(record.first(layout.feature_bytes()), seed, position,
                  {features->data() + row * row_bytes, row_bytes}, scratch);
      std::memcpy(labels->data() + row * label_bytes, record.data() + layout.label_offset(),
                  label_bytes);
    }
    ShardInputs inputs;
    inputs.inputs = {{features->data(), rows * row_bytes}, {labels->data(), rows * label_bytes}};
    inputs.digest = records_->digest({b * rows, (b + 1) * rows});
    batches_.push_back(std::move(inputs));
    batch_memory_.insert(batch_memory_.end(), {features, labels});
  }
}

std::size_t ResidentTraining::room() const {
  return ResidentJob::most_unsaved -
         static_cast<std::size_t>(resident_->version() - saved_version_);
}

void ResidentTraining::wait_for_saved() {
  if (saving_.valid()) saving_.get();
}

void ResidentTraining::save() {
  wait_for_saved();
  const ResidentJob::Snapshot snapshot = resident_->snapshot();
  saved_version_ = snapshot.version;
  saved_at_ = Clock::now();
  saving_ = std::async(std::launch::async, [this, snapshot] {
    const std::span<std::byte> to{saved_->data(), job_->layout().slot_bytes};
    const bool finite = resident_->copy_out(snapshot, to).has_value();
    resident_->release(snapshot);
    if (!finite) {
      throw Error{ErrorCode::bad_input, "steps " + std::to_string(snapshot.first) + " to " +
                                            std::to_string(snapshot.version) +
                                            ": expected finite values, got others"};
    }
  });
}

void ResidentTraining::save_if_due() {
  if (room() > 0) {
    const bool due = Clock::now() - saved_at_ >= save_every && room() < ResidentJob::most_unsaved;
    if (!due) return;
    // Steps go on while the one before is copied.
    if (saving_.valid() && saving_.wait_for(std::chrono::seconds{0}) != std::future_status::ready) {
      return;
    }
  }
  save();
}

void ResidentTraining::advance(std::size_t steps) {
  while (steps > 0) {
    save_if_due();
    std::size_t count = 1;
    if (resident_->has_data()) {
      count = std::min({steps, room(), ResidentJob::most_at_once});
      resident_->run(count);
    } else {
      resident_->step({&batches_[resident_->version() % batches_.size()], 1});
    }
    steps -= count;
  }
}

double ResidentTraining::enqueue_seconds() {
  // So many as neither the calls of run() nor the two shards of staging memory block for.
  const std::size_t steps = resident_->has_data() ? 2 * ResidentJob::most_at_once : 2;
  std::array<double, 9> seconds{};
  for (double& each : seconds) {
    finish();
    if (room() < steps) save();
    wait_for_saved();
    saved_at_ = Clock::now();
    const auto begin = Clock::now();
    advance(steps);
    each = std::chrono::duration<double>(Clock::now() - begin).count() / static_cast<double>(steps);
  }
  finish();
  std::ranges::sort(seconds);
  return seconds[seconds.size() / 2];
}

}  // namespace troupe::bench
