#pragma once

#include <cstdint>
#include <string>

#include "runtime/actor/message_type.hpp"
#include "runtime/control/process_table.hpp"
#include "runtime/telemetry/log_record.hpp"
#include "serialization/frame.hpp"

namespace troupe::runtime {

// Private: serialization/schema/worker.capnp as plain structs. Reading throws an Error for what is unsound.

/// What a worker process looks like from the inside.
struct WorkerReport {
  std::uint64_t mailbox_depth = 0;  ///< of the child itself
  ProcessTable below = {};          ///< what lives below it
  std::string metrics = {};         ///< in Prometheus' text format
  static MessageType type();
};
serialization::Frame to_frame(const WorkerReport& report);
void read(const serialization::Frame& frame, WorkerReport& report);

/// A record of a worker's log, without its number and node.
MessageType worker_log_type();
serialization::Frame to_frame(const LogRecord& record);
void read(const serialization::Frame& frame, LogRecord& record);

}  // namespace troupe::runtime
