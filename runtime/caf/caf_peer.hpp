#pragma once

#include <caf/fwd.hpp>

#include <memory>

#include "runtime/actor/host.hpp"

namespace troupe::runtime {

/// Hands the socket to BASP and spawns the actor behind which the other process is reached.
std::shared_ptr<Peer> make_caf_peer(caf::actor_system& system, int socket, bool accepting,
                                    PeerEvents events);

}  // namespace troupe::runtime
