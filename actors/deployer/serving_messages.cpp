#include "actors/deployer/serving_messages.hpp"

#include <capnp/message.h>

#include <array>

#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/serving.capnp.h"

namespace troupe::actors {

using serialization::make_frame;
using serialization::read_head;

namespace {

void write_tensors(capnp::List<wire::ServingTensor>::Builder to,
                   const std::vector<TensorInfo>& from) {
  for (unsigned i = 0; i < from.size(); ++i) {
    to[i].setName(from[i].name);
    to[i].setDatatype(from[i].datatype);
    auto shape = to[i].initShape(static_cast<unsigned>(from[i].shape.size()));
    for (unsigned k = 0; k < from[i].shape.size(); ++k) shape.set(k, from[i].shape[k]);
  }
}

std::vector<TensorInfo> read_tensors(capnp::List<wire::ServingTensor>::Reader from) {
  std::vector<TensorInfo> tensors;
  for (const auto tensor : from) {
    TensorInfo info{tensor.getName(), tensor.getDatatype(), {}};
    for (const std::int64_t dimension : tensor.getShape()) info.shape.push_back(dimension);
    tensors.push_back(std::move(info));
  }
  return tensors;
}

void write_loaded(wire::LoadedVersion::Builder to, const LoadedVersionMessage& from) {
  to.setVersion(from.deployed.version);
  to.setFolder(from.deployed.folder);
  to.setMaxRows(from.max_rows);
  to.setModel(from.info.name);
  to.setPlatform(from.info.platform);
  write_tensors(to.initInputs(static_cast<unsigned>(from.info.inputs.size())), from.info.inputs);
  write_tensors(to.initOutputs(static_cast<unsigned>(from.info.outputs.size())), from.info.outputs);
  auto names = to.initClassNames(static_cast<unsigned>(from.info.class_names.size()));
  for (unsigned i = 0; i < names.size(); ++i) names.set(i, from.info.class_names[i]);
}

LoadedVersionMessage loaded_of(wire::LoadedVersion::Reader from) {
  LoadedVersionMessage loaded;
  loaded.deployed = {from.getVersion(), from.getFolder()};
  loaded.max_rows = from.getMaxRows();
  loaded.info.name = from.getModel();
  loaded.info.version = loaded.deployed.version;
  loaded.info.platform = from.getPlatform();
  loaded.info.inputs = read_tensors(from.getInputs());
  loaded.info.outputs = read_tensors(from.getOutputs());
  for (const auto name : from.getClassNames()) loaded.info.class_names.push_back(name);
  return loaded;
}

}  // namespace

Frame join_frame(const std::vector<LoadedVersionMessage>& versions) {
  return make_frame<wire::ReplicaJoin>([&](wire::ReplicaJoin::Builder head) {
    auto list = head.initVersions(static_cast<unsigned>(versions.size()));
    for (unsigned i = 0; i < list.size(); ++i) write_loaded(list[i], versions[i]);
  });
}

std::vector<LoadedVersionMessage> read_join(const Frame& frame) {
  std::vector<LoadedVersionMessage> versions;
  read_head<wire::ReplicaJoin>(frame, [&](wire::ReplicaJoin::Reader head) {
    for (const auto version : head.getVersions()) versions.push_back(loaded_of(version));
  });
  return versions;
}

Frame load_frame(const DeployedVersion& version) {
  return make_frame<wire::LoadVersion>([&](wire::LoadVersion::Builder head) {
    head.setVersion(version.version);
    head.setFolder(version.folder);
  });
}

DeployedVersion read_load(const Frame& frame) {
  DeployedVersion version;
  read_head<wire::LoadVersion>(frame, [&](wire::LoadVersion::Reader head) {
    version = {head.getVersion(), head.getFolder()};
  });
  return version;
}

Frame loaded_frame(const LoadedVersionMessage& loaded) {
  return make_frame<wire::LoadedVersion>(
      [&](wire::LoadedVersion::Builder head) { write_loaded(head, loaded); });
}

LoadedVersionMessage read_loaded(const Frame& frame) {
  LoadedVersionMessage loaded;
  read_head<wire::LoadedVersion>(
      frame, [&](wire::LoadedVersion::Reader head) { loaded = loaded_of(head); });
  return loaded;
}

Frame unload_frame(const std::string& version) {
  return make_frame<wire::UnloadVersion>(
      [&](wire::UnloadVersion::Builder head) { head.setVersion(version); });
}

std::string read_unload(const Frame& frame) {
  std::string version;
  read_head<wire::UnloadVersion>(
      frame, [&](wire::UnloadVersion::Reader head) { version = head.getVersion(); });
  return version;
}

Frame predict_frame(const std::string& version, std::int64_t rows, std::size_t bytes,
                    const std::function<void(std::span<std::byte>)>& fill) {
  serialization::FrameBuilder builder{std::array{bytes}};
  fill(builder.payload(0));
  capnp::MallocMessageBuilder message;
  auto head = message.initRoot<wire::PredictBatch>();
  head.setVersion(version);
  head.setRows(static_cast<std::uint32_t>(rows));
  return serialization::seal(builder, message);
}

PredictBatchMessage read_predict(const Frame& frame) {
  PredictBatchMessage batch;
  read_head<wire::PredictBatch>(frame, [&](wire::PredictBatch::Reader head) {
    batch = {head.getVersion(), head.getRows()};
  });
  return batch;
}

Frame predicted_frame(const PredictedMessage& predicted, std::span<const std::byte> rows) {
  return make_frame<wire::PredictedBatch>(
      [&](wire::PredictedBatch::Builder head) {
        head.setNanoseconds(predicted.nanoseconds);
        head.setNotLoaded(predicted.not_loaded);
      },
      rows);
}

PredictedMessage read_predicted(const Frame& frame) {
  PredictedMessage predicted;
  read_head<wire::PredictedBatch>(frame, [&](wire::PredictedBatch::Reader head) {
    predicted = {head.getNanoseconds(), head.getNotLoaded()};
  });
  return predicted;
}

Frame deploy_frame(const DeployedVersion& version) {
  return make_frame<wire::Deploy>([&](wire::Deploy::Builder head) {
    head.setVersion(version.version);
    head.setFolder(version.folder);
  });
}

DeployedVersion read_deploy(const Frame& frame) {
  DeployedVersion version;
  read_head<wire::Deploy>(frame, [&](wire::Deploy::Reader head) {
    version = {head.getVersion(), head.getFolder()};
  });
  return version;
}

Frame deployed_frame(const DeployedMessage& deployed) {
  return make_frame<wire::Deployed>([&](wire::Deployed::Builder head) {
    head.setVersion(deployed.version);
    head.setPrevious(deployed.previous);
    head.setReplicas(deployed.replicas);
  });
}

DeployedMessage read_deployed(const Frame& frame) {
  DeployedMessage deployed;
  read_head<wire::Deployed>(frame, [&](wire::Deployed::Reader head) {
    deployed = {head.getVersion(), head.getPrevious(), head.getReplicas()};
  });
  return deployed;
}

Frame report_frame(const DeployerReportMessage& report) {
  return make_frame<wire::DeployerReport>([&](wire::DeployerReport::Builder head) {
    head.setPort(report.port);
    head.setVersion(report.version);
    head.setPrevious(report.previous);
    head.setReplicas(report.replicas);
    head.setReady(report.ready);
    head.setQueuedRows(report.queued_rows);
    head.setModel(report.model);
    head.setAddress(report.address);
    auto draining = head.initDraining(static_cast<unsigned>(report.draining.size()));
    for (unsigned i = 0; i < draining.size(); ++i) draining.set(i, report.draining[i]);
  });
}

DeployerReportMessage read_report(const Frame& frame) {
  DeployerReportMessage report;
  read_head<wire::DeployerReport>(frame, [&](wire::DeployerReport::Reader head) {
    report = {head.getPort(),
              head.getVersion(),
              head.getPrevious(),
              head.getReplicas(),
              head.getReady(),
              head.getQueuedRows(),
              {},
              head.getModel(),
              head.getAddress()};
    for (const auto version : head.getDraining()) report.draining.push_back(version);
  });
  return report;
}

}  // namespace troupe::actors
