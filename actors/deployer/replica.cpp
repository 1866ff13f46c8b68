#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/deployer/deployer.hpp"
#include "actors/deployer/servable.hpp"
#include "actors/deployer/serving_messages.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/executor.hpp"
#include "runtime/base/error.hpp"
#include "runtime/registry.hpp"
#include "runtime/telemetry/log.hpp"
#include "serialization/schema/serving.capnp.h"

namespace troupe::actors {

using namespace runtime;

namespace {

constexpr auto ask_within = std::chrono::seconds{10};
// Of one job. One that hangs ends the replica, which is then started again.
constexpr auto compute_within = std::chrono::minutes{2};
constexpr auto again_after = std::chrono::milliseconds{200};

/// One version as a replica has it. Used on the executor's thread once it is loaded.
struct Loaded {
  DeployedVersion deployed;
  std::unique_ptr<Servable> servable;
  std::size_t in_bytes = 0, out_bytes = 0;  // of a row

  LoadedVersionMessage message() const {
    return {deployed, servable->max_rows(), servable->info()};
  }
};

struct Predicted {
  std::vector<std::byte> rows;
  std::uint64_t nanoseconds = 0;
};

Predicted predict(Loaded& loaded, std::span<const std::byte> rows, std::int64_t count) {
  const auto begin = std::chrono::steady_clock::now();
  const std::int64_t most = std::max<std::int64_t>(loaded.servable->max_rows(), 1);
  Predicted predicted;
  predicted.rows.resize(static_cast<std::size_t>(count) * loaded.out_bytes);
  for (std::int64_t first = 0; first < count; first += most) {
    const auto at = static_cast<std::size_t>(first);
    const auto part = static_cast<std::size_t>(std::min(most, count - first));
    loaded.servable->predict(
        rows.subspan(at * loaded.in_bytes, part * loaded.in_bytes), static_cast<std::int64_t>(part),
        std::span{predicted.rows}.subspan(at * loaded.out_bytes, part * loaded.out_bytes));
  }
  const Duration took = std::chrono::steady_clock::now() - begin;
  predicted.nanoseconds = static_cast<std::uint64_t>(took.count());
  return predicted;
}

/// Loads and computes one row of zeros: what cannot do that is not served.
std::shared_ptr<Loaded> load_and_warm_up(const LoadServable& load, const DeployedVersion& version) {
  auto loaded = std::make_shared<Loaded>();
  loaded->deployed = version;
  loaded->servable = load(version.folder);
  if (!loaded->servable)
    throw Error{ErrorCode::bad_input, "there is no model in " + version.folder};
  loaded->in_bytes = input_row_bytes(loaded->servable->info());
  loaded->out_bytes = output_row_bytes(loaded->servable->info());
  if (loaded->in_bytes == 0 || loaded->out_bytes == 0)
    throw Error{ErrorCode::bad_input,
                version.folder + ": expected a model with inputs and outputs"};
  const std::vector<std::byte> zeros(loaded->in_bytes);
  predict(*loaded, zeros, 1);
  return loaded;
}

/// One copy of each version that is served, which computes on a thread of its own.
class Replica final : public Actor {
 public:
  Replica(Context& context, const Parameters& with, LoadServable load)
      : context_{context}, load_{std::move(load)}, front_{context.ref(with.text("deployer"))} {
    context.watch(front_, [this](const Change& change) {
      if (change.up) join(change.incarnation);
    });
  }

  void handles(Handlers& on) override {
    on.ask<wire::LoadVersion>(
        [this](const Frame& frame, Reply reply) { load(read_load(frame), std::move(reply)); });
    on.tell<wire::UnloadVersion>([this](const Frame& frame) { unload(read_unload(frame)); });
    on.ask<wire::PredictBatch>(
        [this](const Frame& frame, Reply reply) { predict_batch(frame, std::move(reply)); });
  }

 private:
  Executor& compute() {
    return context_.executor({.name = "compute", .max_queued = 64, .deadline = compute_within});
  }

  void join(std::uint64_t front) {
    front_incarnation_ = front;
    std::vector<LoadedVersionMessage> versions;
    for (const auto& [name, loaded] : loaded_) versions.push_back(loaded->message());
    context_.ask<wire::ReplicaJoin>(front_, join_frame(versions), ask_within,
                                    [this, front](const Answer& answer) {
                                      if (answer.ok() || front != front_incarnation_) return;
                                      context_.after(again_after, [this, front] {
                                        if (front == front_incarnation_) join(front);
                                      });
                                    });
  }

  void load(DeployedVersion version, Reply reply) {
    const auto at = loaded_.find(version.version);
    if (at != loaded_.end() && at->second->deployed == version)
      return reply.answer(loaded_frame(at->second->message()));
    auto kept = std::make_shared<Reply>(std::move(reply));
    compute().run_as(
        "load " + version.version,
        [load = load_, version] { return load_and_warm_up(load, version); },
        [this, kept](std::shared_ptr<Loaded> loaded) {
          context_.log().info("a version is loaded", {{"version", loaded->deployed.version}});
          kept->answer(loaded_frame(loaded->message()));
          std::shared_ptr<Loaded>& place = loaded_[loaded->deployed.version];
          retire(std::exchange(place, std::move(loaded)));
        },
        [this, kept, version](const std::exception_ptr& thrown) {
          const std::string why = reason_of(thrown);
          context_.log().warning("a version could not be loaded",
                                 {{"version", version.version}, {"why", why}});
          kept->refuse(why);
        });
  }

  void unload(const std::string& version) {
    const auto at = loaded_.find(version);
    if (at == loaded_.end()) return;
    retire(std::move(at->second));
    loaded_.erase(at);
    context_.log().info("a version is unloaded", {{"version", version}});
  }

  // Destroyed where it was made and used.
  void retire(std::shared_ptr<Loaded> loaded) {
    if (loaded) compute().run([loaded = std::move(loaded)]() mutable { loaded.reset(); }, [] {});
  }

  void predict_batch(const Frame& frame, Reply reply) {
    const PredictBatchMessage batch = read_predict(frame);
    const auto at = loaded_.find(batch.version);
    if (at == loaded_.end())
      return reply.answer(
          predicted_frame({.nanoseconds = 0, .not_loaded = true}, std::span<const std::byte>{}));
    const std::shared_ptr<Loaded>& loaded = at->second;
    const std::span<const std::byte> rows = frame.payload(0);
    if (batch.rows < 1 || rows.size() != static_cast<std::size_t>(batch.rows) * loaded->in_bytes)
      return reply.refuse("expected " + std::to_string(batch.rows) + " rows of " +
                          std::to_string(loaded->in_bytes) + " bytes, got " +
                          std::to_string(rows.size()) + " bytes");
    auto kept = std::make_shared<Reply>(std::move(reply));
    compute().run_as(
        "predict",
        [loaded, frame, batch] { return predict(*loaded, frame.payload(0), batch.rows); },
        [kept](const Predicted& predicted) {
          kept->answer(predicted_frame({.nanoseconds = predicted.nanoseconds}, predicted.rows));
        },
        [kept](const std::exception_ptr& thrown) { kept->refuse(reason_of(thrown)); });
  }

  Context& context_;
  const LoadServable load_;
  const Ref front_;
  std::uint64_t front_incarnation_ = 0;
  std::map<std::string, std::shared_ptr<Loaded>> loaded_;
};

}  // namespace

void add_replica_type(Registry& registry, LoadServable load) {
  ActorType type;
  type.name = "replica";
  type.help = "Holds a copy of each version that its deployer serves, and computes predictions.";
  type.origin = "built-in";
  type.parameters = {{"deployer", ParameterType::path, "The deployer whose replica it is."}};
  type.make = [load = std::move(load)](Context& context,
                                       const Parameters& with) -> std::unique_ptr<Actor> {
    return std::make_unique<Replica>(context, with, load);
  };
  registry.add(std::move(type));
}

}  // namespace troupe::actors
