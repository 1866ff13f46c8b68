#include "actors/deployer/balancer.hpp"

#include <chrono>

namespace troupe::actors {

std::optional<Balance> find_balance(std::string_view name) {
  if (name == "round_robin") return Balance::round_robin;
  if (name == "least_connections") return Balance::least_connections;
  if (name == "least_load") return Balance::least_load;
  return std::nullopt;
}

double Balancer::cost(const Load& load, std::int64_t rows) const {
  switch (balance_) {
    case Balance::round_robin:
      return 0;
    case Balance::least_connections:
      return load.batches;
    case Balance::least_load:
      return static_cast<double>(load.rows + rows) * load.row_seconds;
  }
  return 0;
}

std::optional<std::uint64_t> Balancer::assign(std::int64_t rows,
                                              const std::function<bool(std::uint64_t)>& eligible) {
  std::map<std::uint64_t, Load>::iterator best = replicas_.end();
  double least = 0;
  // From the one behind the last, once around, so that the first of equals is the next in turn.
  auto at = replicas_.upper_bound(last_);
  for (std::size_t i = 0; i < replicas_.size(); ++i, ++at) {
    if (at == replicas_.end()) at = replicas_.begin();
    if (at->second.batches >= in_hand_ || !eligible(at->first)) continue;
    const double its = cost(at->second, rows);
    if (best != replicas_.end() && its >= least) continue;
    best = at;
    least = its;
  }
  if (best == replicas_.end()) return std::nullopt;
  ++best->second.batches;
  best->second.rows += rows;
  last_ = best->first;
  return last_;
}

void Balancer::done(std::uint64_t replica, std::int64_t rows, std::optional<Duration> took) {
  const auto at = replicas_.find(replica);
  if (at == replicas_.end()) return;
  Load& load = at->second;
  --load.batches;
  load.rows -= rows;
  if (!took || rows <= 0) return;
  constexpr double weight = 0.2;
  const double seconds = std::chrono::duration<double>(*took).count() / static_cast<double>(rows);
  load.row_seconds =
      load.row_seconds == 0 ? seconds : load.row_seconds + weight * (seconds - load.row_seconds);
}

void Balancer::shrink(std::uint64_t replica, std::int64_t rows) {
  const auto at = replicas_.find(replica);
  if (at != replicas_.end()) at->second.rows -= rows;
}

}  // namespace troupe::actors
