#pragma once

#include <cstdint>
#include <string>

#include "runtime/base/clock.hpp"

namespace troupe::runtime {

/// What a test or an operator has a node do to an actor, wherever it lives.
struct FaultOrder {
  enum class Kind : std::uint8_t {
    kill,        ///< ends it hard
    throw_next,  ///< its next message's handler throws `text`
    stall,       ///< it takes no message for `duration`
    drop,  ///< messages from `from` to it are thrown away, `count` of them, each with `probability`
    delay,      ///< … or come `duration` late
    duplicate,  ///< … or, tells only, come twice
    clear,      ///< no more of the last three
  };
  Kind kind = Kind::kill;
  std::string path = {};
  std::string from = "*";
  std::string text = "a fault was injected";
  Duration duration = {};
  double probability = 1.0;
  std::uint32_t count = 1;
};

}  // namespace troupe::runtime
