#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "actors/deployer/balancer.hpp"
#include "actors/deployer/batcher.hpp"
#include "actors/deployer/serving_api.hpp"
#include "runtime/actor/answer.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::actors {

struct DispatcherOptions {
  std::int64_t max_batch = 64;
  Duration max_delay{};
  Duration timeout = std::chrono::seconds{5};  ///< of a request
  Balance balance = Balance::least_load;
};

/// From requests to batches to replicas and back. For one thread at a time.
///
/// - DISP-1: every request is answered once: with its outputs, or with the reason.
/// - DISP-2: rows whose replica ended are computed by another one, while their request has time left; rows that ended
///   as many replicas as max_attempts are given up, lest they end them all.
/// - DISP-3: a request is computed by one version, the one that its lease names.
/// - DISP-4: rows that a replica has had for a quarter of a request's time are given to another one too, once, and what
///   comes first counts. Who is late is given no more until it has answered.
class Dispatcher {
 public:
  static constexpr std::uint32_t max_attempts = 4;

  /// What it does to the world.
  struct Ports {
    std::function<TimePoint()> now;
    /// Asks a replica with a PredictBatch, and hears what came of it when it does, or it has ended, or after `within`.
    std::function<void(std::uint64_t replica, runtime::Frame, Duration within,
                       std::function<void(const runtime::Answer&)>)>
        ask;
    /// Calls wake() then.
    std::function<void(Duration)> wake_after;
    /// Before a request is answered.
    std::function<void(const InferJob&, std::span<const std::byte> outputs)> predicted;
    /// Of each batch.
    std::function<void(std::int64_t rows)> sent;
  };

  Dispatcher(DispatcherOptions options, Ports ports);

  void submit(InferJob job);
  /// Time has passed.
  void wake();

  /// A replica has loaded a version. Each start of a replica has a number of its own.
  void add(std::uint64_t replica, const std::string& version);
  void remove(std::uint64_t replica, const std::string& version);
  void remove(std::uint64_t replica);

  /// Requests that are not answered.
  std::size_t open() const { return requests_.size(); }

 private:
  struct Request {
    std::shared_ptr<InferJob> job;
    std::shared_ptr<std::vector<std::byte>> outputs;
    std::vector<std::uint8_t> rows;  // done_row, twice_row
    std::int64_t left = 0;           // rows that are not done
    std::uint32_t attempts = 0;
    bool computing = false;
    TimePoint due;
  };
  /// What a replica was asked. It holds no lease: who hangs with it must not hold up what replaces its version.
  struct Batch {
    std::uint64_t replica = 0;
    std::string version;
    std::size_t out_bytes = 0;   // of a row
    std::int64_t most_rows = 1;  // of a batch of that version
    std::vector<Piece> pieces;
    std::int64_t rows = 0;
    TimePoint late_at;
    bool late = false;
  };
  enum class Again : std::uint8_t { not_begun, lost, late };

  static constexpr std::uint8_t done_row = 1, twice_row = 2;

  void pump();
  bool send_one(Batcher& batcher, const std::string& version, TimePoint now);
  Batcher& batcher(const std::string& version, std::int64_t most_rows);
  std::int64_t most_rows(const ServedVersion& version) const;
  void answered(Batch batch, const runtime::Answer& answer);
  void computed(const Batch& batch, std::span<const std::byte> rows);
  void again(const Batch& batch, Again why);
  void look_for_late(TimePoint now);
  void finish(std::uint64_t id);
  void fail(std::uint64_t id, HttpResponse response);
  void expire(TimePoint now);
  void set_wake(TimePoint now);

  const DispatcherOptions options_;
  const Ports ports_;
  Balancer balancer_;
  std::map<std::string, Batcher> batchers_;  // by version; gone when empty
  std::map<std::uint64_t, Request> requests_;
  std::set<std::pair<TimePoint, std::uint64_t>> due_;
  std::map<std::uint64_t, std::set<std::string>> versions_;  // of each replica
  std::map<std::uint64_t, Batch> sent_;                      // by number, so in order of time
  std::map<std::uint64_t, std::uint32_t> late_;              // how many of these a replica has
  std::uint64_t last_id_ = 0, last_batch_ = 0;
  TimePoint wake_ = TimePoint::max();
};

}  // namespace troupe::actors
