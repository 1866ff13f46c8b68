#pragma once

#include <cstdint>
#include <string_view>

#include "serialization/message_type.hpp"

namespace troupe::runtime {

/// The kind of a message: the type of its frame's head, one of Cap'n Proto's generated structs.
struct MessageType {
  std::uint64_t id = 0;        ///< as the schema fixes it, so the same in every process
  std::string_view name = {};  ///< for people; lives as long as the program

  template <class T>
  static const MessageType& of() {
    static const MessageType type{serialization::type_id<T>(), serialization::type_name<T>()};
    return type;
  }
};

}  // namespace troupe::runtime
