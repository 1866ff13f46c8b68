#include "serialization/message.hpp"

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <cstring>
#include <string>

#include "runtime/base/error.hpp"

namespace troupe::serialization {
namespace {

/// The library quotes bytes of the message: what cannot be printed is left out.
std::string printable(std::string_view text) {
  std::string line;
  for (const char c : text) line += c >= ' ' && c <= '~' ? c : '?';
  return line;
}

}  // namespace

std::optional<std::string> find_fault(std::span<const std::byte> bytes,
                                      const std::function<void(capnp::MessageReader&)>& visit) {
  const std::size_t words = bytes.size() / sizeof(capnp::word);
  capnp::ReaderOptions options;
  // Our readers look at each part a few times at most; a message whose parts overlap runs into this.
  options.traversalLimitInWords = 8 * words + 64;
  options.nestingLimit = 64;  // three for each supervisor above another
  try {
    capnp::FlatArrayMessageReader reader{
        kj::arrayPtr(reinterpret_cast<const capnp::word*>(bytes.data()), words), options};
    visit(reader);
  } catch (const kj::Exception& exception) {
    return "expected a sound message, got \"" + printable(exception.getDescription().cStr()) + '"';
  }
  return std::nullopt;
}

void read_message(std::span<const std::byte> bytes, std::string_view where,
                  const std::function<void(capnp::MessageReader&)>& visit) {
  if (const auto fault = find_fault(bytes, visit)) {
    throw Error{ErrorCode::corrupted, std::string{where} + ": " + *fault};
  }
}

std::vector<std::byte> flat_message(capnp::MessageBuilder& message) {
  const kj::Array<capnp::word> words = capnp::messageToFlatArray(message);
  std::vector<std::byte> bytes(words.asBytes().size());
  std::memcpy(bytes.data(), words.begin(), bytes.size());
  return bytes;
}

}  // namespace troupe::serialization
