#include "runtime/cluster/worker_report.hpp"

#include <capnp/message.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/malformed_frame.hpp"
#include "serialization/schema/worker.capnp.h"

namespace troupe::runtime {

using serialization::Frame;
using serialization::make_frame;
using serialization::read_head;

namespace {

std::string text(capnp::Text::Reader from) {
  return {from.begin(), from.size()};
}

// What a log may write without quotes, whoever sent it.
bool is_bare(const std::string& value) {
  return value.find_first_not_of("-0123456789.eE+truefals") == std::string::npos &&
         nlohmann::json::accept(value);
}

}  // namespace

MessageType WorkerReport::type() {
  return MessageType::of<wire::WorkerReport>();
}

Frame to_frame(const WorkerReport& report) {
  return make_frame<wire::WorkerReport>([&](auto to) {
    to.setMailboxDepth(report.mailbox_depth);
    to.setRows(to_json(report.below));
    to.setMetrics(report.metrics);
  });
}

void read(const Frame& frame, WorkerReport& report) {
  std::string rows;
  read_head<wire::WorkerReport>(frame, [&](wire::WorkerReport::Reader from) {
    report.mailbox_depth = from.getMailboxDepth();
    rows = text(from.getRows());
    report.metrics = text(from.getMetrics());
  });
  report.below = process_table_from_json(rows);
}

MessageType worker_log_type() {
  return MessageType::of<wire::WorkerLog>();
}

Frame to_frame(const LogRecord& record) {
  return make_frame<wire::WorkerLog>([&](auto to) {
    to.setTimeUs(record.time.time_since_epoch().count());
    to.setLevel(static_cast<std::uint8_t>(record.level));
    to.setActor(record.actor);
    to.setComponent(record.component);
    to.setMessage(record.message);
    auto fields = to.initFields(static_cast<unsigned>(record.fields.size()));
    for (unsigned i = 0; i < fields.size(); ++i) {
      fields[i].setKey(record.fields[i].key);
      fields[i].setValue(record.fields[i].value);
      fields[i].setBare(record.fields[i].bare);
    }
  });
}

void read(const Frame& frame, LogRecord& record) {
  read_head<wire::WorkerLog>(frame, [&](wire::WorkerLog::Reader from) {
    if (from.getLevel() > static_cast<unsigned>(LogLevel::error))
      throw serialization::MalformedFrame{"worker log: level has the unknown number " +
                                          std::to_string(from.getLevel())};
    record.time = WallTime{std::chrono::microseconds{from.getTimeUs()}};
    record.level = static_cast<LogLevel>(from.getLevel());
    record.actor = text(from.getActor());
    record.component = text(from.getComponent());
    record.message = text(from.getMessage());
    for (const auto field : from.getFields()) {
      std::string value = text(field.getValue());
      const bool bare = field.getBare() && is_bare(value);
      record.fields.push_back({text(field.getKey()), std::move(value), bare});
    }
  });
}

}  // namespace troupe::runtime
