#pragma once

#include <cstdint>

namespace troupe::bench {

// The same as the runtime's, by CAF alone on two threads. Each returns seconds.

/// One actor asks another `count` times, `in_flight` at a time, each request with a finite timeout.
double plain_requests(std::uint64_t count, std::uint64_t in_flight);
/// One actor sends another `count` messages, then asks whether they have come.
double plain_messages(std::uint64_t count);
/// actor_system::spawn of actors that end at once, until they have ended.
double plain_spawn(std::uint64_t count);
/// The same by an actor that is asked from the outside for each, spawns it, monitors it and
/// answers.
double plain_children(std::uint64_t count);

}  // namespace troupe::bench
