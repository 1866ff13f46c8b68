#pragma once

#include <cstdint>
#include <vector>

#include "runtime/cluster/node.hpp"
#include "runtime/registry.hpp"
#include "runtime/supervision/child_spec.hpp"

namespace troupe::bench {

constexpr std::uint64_t bulk_window = std::uint64_t{4} << 20;
constexpr std::uint64_t bulk_item = std::uint64_t{1} << 20;

/// Items of 1 MiB through a channel with 4 MiB of credit from an actor of the node to one in a
/// worker process, while another actor of the node asks another one in that process, one request
/// after the other.
class BulkTransfer {
 public:
  /// Adds its types, before worker_main().
  explicit BulkTransfer(runtime::Registry& registry);

  /// What the node's tree needs.
  std::vector<runtime::ChildSpec> children() const;

  /// `bytes` are of whole items. @return seconds. @throws std::runtime_error if not all arrived.
  double transfer(runtime::Node& node, std::uint64_t bytes);

  /// How long each request took, in milliseconds; only the process's that called transfer().
  const std::vector<double>& request_ms() const { return request_ms_; }

 private:
  std::vector<double> request_ms_;
  std::uint64_t total_ = 0;
};

}  // namespace troupe::bench
