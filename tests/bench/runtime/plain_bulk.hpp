#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace troupe::bench {

/// The same as BulkTransfer by CAF alone: chunks of bulk_item bytes with bulk_window of credit from
/// an actor to one in another process, both joined by a socket pair; another actor asks one there
/// meanwhile, with a finite timeout.
class PlainBulk {
 public:
  /// Forks: to be made before any thread lives. @throws std::system_error
  PlainBulk();
  ~PlainBulk();
  PlainBulk(const PlainBulk&) = delete;
  PlainBulk& operator=(const PlainBulk&) = delete;

  /// `bytes` are of whole chunks. @return seconds. @throws std::runtime_error
  double transfer(std::uint64_t bytes);

  const std::vector<double>& request_ms() const { return request_ms_; }

 private:
  struct State;
  void join();

  pid_t receiver_ = -1;
  int socket_ = -1;
  std::unique_ptr<State> state_;  // none before the first transfer
  std::vector<double> request_ms_;
};

}  // namespace troupe::bench
