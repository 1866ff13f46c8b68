#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "actors/versions/version_slots.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/cluster/shared_memory.hpp"
#include "runtime/registry.hpp"

namespace troupe::test {

/// What becomes of the actors of a job, and of its versions, seen from inside its node: by an actor that a config has as
///
///     actors: [{name: watch, type: job_watch, with: {paths: [/job/trainer/0, …]}}]
///
/// For one node at a time, which it outlives. Thread-safe.
class JobWatch {
 public:
  struct Seen {
    std::uint64_t incarnation = 0;  ///< 0: none has been there yet
    bool up = false;
    std::chrono::steady_clock::time_point down_at =
        {};  ///< when the last one was seen to have ended
  };

  void add_type(runtime::Registry& registry) {
    runtime::ActorType type;
    type.name = "job_watch";
    type.help = "For tests: tells what becomes of other actors.";
    type.parameters = {{"paths", runtime::ParameterType::texts, "Of whom."}};
    type.make = [this](runtime::Context& context,
                       const runtime::Parameters& with) -> std::unique_ptr<runtime::Actor> {
      const std::lock_guard lock{mutex_};
      memory_ = context.memory("versions");
      for (const std::string& path : with.texts("paths"))
        context.watch(context.ref(path), [this, path](const runtime::Change& change) {
          const std::lock_guard told{mutex_};
          Seen& seen = seen_[path];
          seen.incarnation = change.incarnation;
          seen.up = change.up;
          if (!change.up) seen.down_at = std::chrono::steady_clock::now();
        });
      return std::make_unique<Watcher>();
    };
    registry.add(std::move(type));
  }

  /// Forgets a node that has ended.
  void clear() {
    const std::lock_guard lock{mutex_};
    seen_.clear();
    memory_.reset();
  }
  Seen at(const std::string& path) const {
    const std::lock_guard lock{mutex_};
    const auto found = seen_.find(path);
    return found == seen_.end() ? Seen{} : found->second;
  }
  /// The versions of a job; none: it is not there yet.
  std::optional<actors::VersionSlots> versions(std::uint64_t job) const {
    const std::lock_guard lock{mutex_};
    if (memory_ == nullptr) return {};
    return actors::VersionSlots::find(memory_->writable_bytes(), job);
  }

 private:
  struct Watcher final : runtime::Actor {
    void handles(runtime::Handlers&) override {}
  };

  mutable std::mutex mutex_;
  std::map<std::string, Seen> seen_;
  std::shared_ptr<runtime::SharedMemory>
      memory_;  // a process that was killed may have written to it
};

}  // namespace troupe::test
