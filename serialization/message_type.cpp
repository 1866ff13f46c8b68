#include "serialization/message_type.hpp"

#include <capnp/message.h>
#include <capnp/schema.capnp.h>

namespace troupe::serialization {

std::string_view schema_name(const void* encoded_schema) {
  const auto node = capnp::readMessageUnchecked<capnp::schema::Node>(
      static_cast<const capnp::word*>(encoded_schema));
  const auto name = node.getDisplayName();  // "frame.capnp:TensorList", in the program's own memory
  const std::string_view whole{name.cStr(), name.size()};
  return whole.substr(whole.find(':') + 1);
}

}  // namespace troupe::serialization
