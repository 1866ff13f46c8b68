#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string_view>

#include "runtime/base/clock.hpp"

namespace troupe::actors {

/// How the replica of a batch is chosen: each in turn; the one with the fewest batches in hand; the one that will be done
/// first, by the rows that it has and how long it took for a row.
enum class Balance : std::uint8_t { round_robin, least_connections, least_load };

std::optional<Balance> find_balance(std::string_view name);

/// Chooses replicas, which are known by numbers of the caller's. Equal ones take turns. Not thread-safe.
class Balancer {
 public:
  /// A replica is given at most `in_hand` batches at a time, so that it has the next one when it is done.
  explicit Balancer(Balance balance, std::uint32_t in_hand = 2)
      : balance_{balance}, in_hand_{in_hand} {}

  void add(std::uint64_t replica) { replicas_[replica]; }
  void remove(std::uint64_t replica) { replicas_.erase(replica); }

  /// One that may take a batch of so many rows now; it has it from here on. None: nobody has room.
  std::optional<std::uint64_t> assign(std::int64_t rows,
                                      const std::function<bool(std::uint64_t)>& eligible);
  /// It is done; `took` is its service time, none if that tells nothing. Ignored for one that was removed.
  void done(std::uint64_t replica, std::int64_t rows, std::optional<Duration> took);
  /// A batch that it has turned out smaller by so many rows.
  void shrink(std::uint64_t replica, std::int64_t rows);

 private:
  struct Load {
    std::uint32_t batches = 0;
    std::int64_t rows = 0;
    double row_seconds = 0;  // exponentially weighted; 0: not measured
  };
  double cost(const Load& load, std::int64_t rows) const;

  const Balance balance_;
  const std::uint32_t in_hand_;
  std::map<std::uint64_t, Load> replicas_;
  std::uint64_t last_ = 0;  // who was chosen last
};

}  // namespace troupe::actors
