#pragma once

#include <cstddef>
#include <string>

#include "runtime/actor/message_type.hpp"
#include "serialization/frame.hpp"

namespace troupe::runtime {

/// What somebody tells an actor to do by hand, through the node's control socket (wire::Command, as an ask). An actor
/// that knows commands answers with a CommandResult; to all others it is an unknown message.
struct Command {
  static constexpr std::size_t most_name = 64;
  static constexpr std::size_t most_arguments = std::size_t{64} << 10;

  std::string name;
  std::string arguments;  ///< a JSON object
  static MessageType type();
};

struct CommandResult {
  static constexpr std::size_t most_text = std::size_t{64} << 10;  ///< bytes; more are cut off

  bool ok = false;
  std::string text;  ///< for people: what was done, or why it was not
};

serialization::Frame to_frame(const Command& command);
serialization::Frame to_frame(const CommandResult& result);
/// @throws MalformedFrame, also for what is too long.
Command read_command(const serialization::Frame& frame);
CommandResult read_command_result(const serialization::Frame& frame);

}  // namespace troupe::runtime
