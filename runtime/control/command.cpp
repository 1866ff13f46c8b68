#include "runtime/control/command.hpp"

#include <capnp/message.h>

#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/malformed_frame.hpp"
#include "serialization/schema/tree.capnp.h"

namespace troupe::runtime {

using serialization::Frame;
using serialization::make_frame;
using serialization::MalformedFrame;
using serialization::read_head;

MessageType Command::type() {
  return MessageType::of<wire::Command>();
}

Frame to_frame(const Command& command) {
  return make_frame<wire::Command>([&](wire::Command::Builder head) {
    head.setName(command.name);
    head.setArguments(command.arguments);
  });
}

Frame to_frame(const CommandResult& result) {
  return make_frame<wire::CommandResult>([&](wire::CommandResult::Builder head) {
    head.setOk(result.ok);
    head.setText(result.text.substr(0, CommandResult::most_text));
  });
}

Command read_command(const Frame& frame) {
  Command command;
  read_head<wire::Command>(frame, [&](wire::Command::Reader head) {
    command = {head.getName(), head.getArguments()};
  });
  if (command.name.size() > Command::most_name ||
      command.arguments.size() > Command::most_arguments)
    throw MalformedFrame{"command: its name or its arguments are too long"};
  return command;
}

CommandResult read_command_result(const Frame& frame) {
  CommandResult result;
  read_head<wire::CommandResult>(frame, [&](wire::CommandResult::Reader head) {
    result = {head.getOk(), head.getText()};
  });
  if (result.text.size() > CommandResult::most_text)
    throw MalformedFrame{"command result: its text is too long"};
  return result;
}

}  // namespace troupe::runtime
