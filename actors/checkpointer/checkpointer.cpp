#include "actors/checkpointer/checkpointer.hpp"

#include <capnp/message.h>

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "actors/checkpointer/old_versions.hpp"
#include "actors/checkpointer/save_version.hpp"
#include "actors/job/membership.hpp"
#include "actors/job/training_job.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/executor.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/shared_memory.hpp"
#include "runtime/registry.hpp"
#include "runtime/telemetry/log.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/training.capnp.h"
#include "serialization/sha256.hpp"

namespace troupe::actors {
namespace {

using namespace runtime;

class Checkpointer final : public Actor {
 public:
  Checkpointer(Context& context, const Parameters& with)
      : context_{context},
        keep_{static_cast<std::uint64_t>(with.integer("keep_checkpoints"))},
        membership_{context, with.text("coordinator"), "checkpointer"} {}

  void handles(Handlers& on) override {
    on.ask<wire::SaveVersion>(
        [this](const Frame& frame, Reply reply) { save(frame, std::move(reply)); });
  }

 private:
  /// Of a job: a version, into a folder.
  using Order = std::tuple<std::uint64_t, std::string, std::uint64_t>;
  struct Outcome {
    SavedCheckpoint saved;
    std::string not_removed;  // why older ones are still there
  };

  void save(const Frame& frame, Reply reply) {
    std::string text, memory, folder;
    std::uint64_t version = 0, keep = 0;
    std::vector<std::uint64_t> needed;
    serialization::TrainingRecord record;
    serialization::read_head<wire::SaveVersion>(frame, [&](wire::SaveVersion::Reader head) {
      text = head.getJob();
      memory = head.getMemory();
      folder = head.getFolder();
      version = head.getVersion();
      record.config = head.getConfig();
      record.data_fingerprint =
          serialization::sha256_from_hex(std::string{head.getDataFingerprint()});
      record.ledger_bytes = head.getLedgerBytes();
      for (const auto metric : head.getMetrics())
        record.metrics.push_back({metric.getName(), metric.getStep(), metric.getValue()});
      for (const auto fact : head.getMachine())
        record.machine.push_back({fact.getKey(), fact.getValue()});
      if (head.getRemoveOld()) keep = keep_;
      for (const std::uint64_t step : head.getNeeded()) needed.push_back(step);
    });
    if (!job_ || job_->text() != text) job_ = std::make_shared<TrainingJob>(text);
    record.seed = job_->spec().seed;
    // A coordinator that comes again and again asks each time: one save is enough for all of them.
    const Order order{job_->id(), folder, version};
    const auto [at, first] = askers_.try_emplace(order);
    at->second = std::move(reply);
    if (!first) return;
    context_.executor({.name = "save"})
        .run_as(
            "save version " + std::to_string(version),
            [job = job_, shared = context_.memory(memory), version, folder, keep,
             needed = std::move(needed), record = std::move(record)] {
              auto slots = VersionSlots::find(shared->writable_bytes(), job->id());
              if (!slots) throw Error{ErrorCode::bad_input, "the job is not there any more"};
              const auto held = slots->hold(version);
              if (!held)
                throw Error{ErrorCode::bad_input,
                            "version " + std::to_string(version) + " is not there any more"};
              Outcome outcome{save_version(posix_files(), *job, *held, folder, record), {}};
              try {
                remove_old_versions(posix_files(), folder, keep, needed);
              } catch (const Error& error) {
                outcome.not_removed = error.what();
              }
              return outcome;
            },
            [this, order, version](const Outcome& outcome) {
              const std::string& not_removed = outcome.not_removed;
              const auto& saved = outcome.saved;
              if (!not_removed.empty())
                context_.log().warning("older checkpoints were not removed",
                                       {{"why", not_removed}});
              asker_of(order).answer(serialization::make_frame<wire::VersionSaved>([&](auto head) {
                head.setVersion(version);
                head.setFolder(saved.folder);
                head.setStateHash(saved.state_hash);
              }));
            },
            [this, order](const std::exception_ptr& thrown) {
              Reply asker = asker_of(order);
              try {
                std::rethrow_exception(thrown);
              } catch (const Error& error) {
                asker.refuse(error.what());
              }
            });
  }

  Reply asker_of(const Order& order) { return std::move(askers_.extract(order).mapped()); }

  Context& context_;
  const std::uint64_t keep_;
  std::shared_ptr<const TrainingJob> job_;
  std::map<Order, Reply> askers_;  // of what is being saved, or waits for it: who asked last
  Membership membership_;
};

}  // namespace

void add_checkpointer_type(Registry& registry) {
  ActorType type;
  type.name = "checkpointer";
  type.help = "Makes versions of a model durable while training goes on.";
  type.origin = "built-in";
  ParameterSchema keep{"keep_checkpoints", ParameterType::integer,
                       "So many checkpoints are kept, the newest ones, beside those that "
                       "evaluation, early stopping or serving needs; 0: "
                       "all."};
  keep.default_value = ParameterValue{std::int64_t{5}};
  keep.minimum = 0;
  type.parameters = {{"coordinator", ParameterType::path, "The job's coordinator."}, keep};
  type.make = [](Context& context, const Parameters& with) -> std::unique_ptr<Actor> {
    return std::make_unique<Checkpointer>(context, with);
  };
  registry.add(std::move(type));
}

}  // namespace troupe::actors
