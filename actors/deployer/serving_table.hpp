#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "actors/deployer/servable.hpp"

namespace troupe::actors {

/// A version that is served. A request holds its Lease from when it is read until it is answered.
struct ServedVersion {
  ServableInfo info;                        ///< as clients see it
  std::size_t in_bytes = 0, out_bytes = 0;  ///< of a row
  std::int64_t max_rows = 1;
};
using Lease = std::shared_ptr<const ServedVersion>;

/// What is served now, for the threads that read requests. When a version was replaced here, its leases only become
/// fewer: it has drained when whoever replaced it holds the last one.
class ServingTable {
 public:
  explicit ServingTable(std::string model) : model_{std::move(model)} {}

  const std::string& model() const { return model_; }

  void serve(Lease current) {
    const std::lock_guard lock{mutex_};
    current_.swap(current);
  }
  void set_ready(bool ready) {
    const std::lock_guard lock{mutex_};
    ready_ = ready;
  }
  /// Null: nothing is served yet.
  Lease current() const {
    const std::lock_guard lock{mutex_};
    return current_;
  }
  /// Whether a replica has it.
  bool ready() const {
    const std::lock_guard lock{mutex_};
    return ready_ && current_;
  }

 private:
  const std::string model_;
  mutable std::mutex mutex_;
  Lease current_;
  bool ready_ = false;
};

}  // namespace troupe::actors
