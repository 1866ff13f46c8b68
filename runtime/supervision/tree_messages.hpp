#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/actor/fault_order.hpp"
#include "runtime/actor/message_type.hpp"
#include "runtime/exit.hpp"
#include "runtime/supervision/child_spec.hpp"
#include "runtime/telemetry/log_record.hpp"
#include "serialization/frame.hpp"

namespace troupe::runtime {

// Private: serialization/schema/tree.capnp as plain structs. Reading throws MalformedFrame for what is
// unsound, unknown enumerators included.

struct StartChild {
  ChildSpec spec;
  static MessageType type();
};
struct StopChild {
  std::string name;
  static MessageType type();
};
struct ScaleChildren {
  std::uint32_t count = 0;
  static MessageType type();
};
/// A node to its worker process: become this child.
struct Spawn {
  std::string path;
  std::uint64_t incarnation = 0;
  ChildSpec spec;
  std::vector<std::string> plugins;
  LogLevel log_level = LogLevel::info;
  static MessageType type();
};
/// A node to its worker process: ask it to end.
struct Stop {
  std::string path;
  std::uint64_t incarnation = 0;
  static MessageType type();
};
/// Either way: what became of an actor.
struct NameChanged {
  enum class What : std::uint8_t { begun, up, down };
  std::string path;
  std::uint64_t incarnation = 0;
  What what = What::begun;
  Exit exit = {};
  static MessageType type();
};
/// A worker process to its node: tell me what becomes of this path.
struct Subscribe {
  std::string path;
  static MessageType type();
};

/// A FaultOrder for an actor in a worker process.
struct InjectFault {
  FaultOrder order;
  static MessageType type();
};

serialization::Frame to_frame(const InjectFault& message);
serialization::Frame to_frame(const StartChild& message);
serialization::Frame to_frame(const StopChild& message);
serialization::Frame to_frame(const ScaleChildren& message);
serialization::Frame to_frame(const Spawn& message);
serialization::Frame to_frame(const Stop& message);
serialization::Frame to_frame(const NameChanged& message);
serialization::Frame to_frame(const Subscribe& message);
/// wire::Done.
serialization::Frame done_frame();

void read(const serialization::Frame& frame, InjectFault& message);
void read(const serialization::Frame& frame, StartChild& message);
void read(const serialization::Frame& frame, StopChild& message);
void read(const serialization::Frame& frame, ScaleChildren& message);
void read(const serialization::Frame& frame, Spawn& message);
void read(const serialization::Frame& frame, Stop& message);
void read(const serialization::Frame& frame, NameChanged& message);
void read(const serialization::Frame& frame, Subscribe& message);

}  // namespace troupe::runtime
