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
class Dispatcher {
 public:
  static constexpr std::uint32_t max_attempts = 4;

  /// What it does to the world.
  struct Ports {
    std::function<TimePoint()> now;
    /// Asks a replica with a PredictBatch.
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
    std::int64_t left = 0;  // rows
    std::uint32_t attempts = 0;
    bool computing = false;
    TimePoint due;
  };
  struct Batch {
    std::uint64_t replica = 0;
    Lease version;
    std::vector<Piece> pieces;
    std::int64_t rows = 0;
  };

  void pump();
  bool send_one(Batcher& batcher, const std::string& version, TimePoint now);
  void answered(const Batch& batch, const runtime::Answer& answer);
  void computed(const Batch& batch, std::span<const std::byte> rows);
  void again(const Batch& batch, bool its_fault);
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
  std::uint64_t last_id_ = 0;
  TimePoint wake_ = TimePoint::max();
};

}  // namespace troupe::actors
