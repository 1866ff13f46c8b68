#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "actors/deployer/rollout.hpp"
#include "actors/deployer/servable.hpp"
#include "serialization/frame.hpp"

namespace troupe::actors {

using serialization::Frame;

/// serving.capnp's messages as values. Those that read throw MalformedFrame.
struct LoadedVersionMessage {
  DeployedVersion deployed;
  std::int64_t max_rows = 1;
  ServableInfo info = {};
};
struct DeployerReportMessage {
  std::uint16_t port = 0;
  std::string version, previous;
  std::uint32_t replicas = 0, ready = 0;
  std::int64_t queued_rows = 0;
  std::vector<std::string> draining;
  std::string model = {}, address = {};
};
struct DeployedMessage {
  std::string version, previous;
  std::uint32_t replicas = 0;
};
struct PredictBatchMessage {
  std::string version;
  std::int64_t rows = 0;
};

struct PredictedMessage {
  std::uint64_t nanoseconds = 0;
  bool not_loaded = false;
};

Frame join_frame(const std::vector<LoadedVersionMessage>& versions);
std::vector<LoadedVersionMessage> read_join(const Frame& frame);
Frame load_frame(const DeployedVersion& version);
DeployedVersion read_load(const Frame& frame);
Frame loaded_frame(const LoadedVersionMessage& loaded);
LoadedVersionMessage read_loaded(const Frame& frame);
Frame unload_frame(const std::string& version);
std::string read_unload(const Frame& frame);
/// Room for the rows is payload 0; filled by `fill`.
Frame predict_frame(const std::string& version, std::int64_t rows, std::size_t bytes,
                    const std::function<void(std::span<std::byte>)>& fill);
PredictBatchMessage read_predict(const Frame& frame);
Frame predicted_frame(const PredictedMessage& predicted, std::span<const std::byte> rows);
PredictedMessage read_predicted(const Frame& frame);
Frame deploy_frame(const DeployedVersion& version);
DeployedVersion read_deploy(const Frame& frame);
Frame deployed_frame(const DeployedMessage& deployed);
DeployedMessage read_deployed(const Frame& frame);
Frame report_frame(const DeployerReportMessage& report);
DeployerReportMessage read_report(const Frame& frame);

}  // namespace troupe::actors
