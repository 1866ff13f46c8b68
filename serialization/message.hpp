#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace capnp {
class MessageBuilder;
class MessageReader;
}  // namespace capnp

namespace troupe::serialization {

/// Reads a flat Cap'n Proto message that came from outside: a message that points to itself or claims
/// more than its bytes hold is refused, whatever `visit` does. `bytes` begin at a multiple of 8.
/// Returns what is wrong with the message, in one line, if something is; what else `visit` throws passes.
std::optional<std::string> find_fault(std::span<const std::byte> bytes,
                                      const std::function<void(capnp::MessageReader&)>& visit);

/// The same for messages that must be sound.
/// @throws Error corrupted, beginning with `where`, for whatever is wrong with the message.
void read_message(std::span<const std::byte> bytes, std::string_view where,
                  const std::function<void(capnp::MessageReader&)>& visit);

/// A message as one flat piece, of whole 8 bytes.
std::vector<std::byte> flat_message(capnp::MessageBuilder& message);

}  // namespace troupe::serialization
