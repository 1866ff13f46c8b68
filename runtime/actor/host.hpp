#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/clock.hpp"

namespace troupe::runtime {

class Cell;
struct Envelope;
class Mailbox;

/// The other end of a socket that joins two processes.
class Peer {
 public:
  virtual ~Peer() = default;
  /// Never blocks. The envelope carries its Route.
  virtual void send(Envelope envelope) = 0;
  /// Nothing comes from it any more, and it learns that it was left.
  virtual void leave() = 0;
};

/// What a peer brings. Called in turns, never two at once; short, and without blocking.
struct PeerEvents {
  std::function<void()> joined;  ///< it answers; what is sent from here on arrives
  std::function<void(Envelope)> received;
  std::function<void(std::string)> lost;  ///< once, with a reason; nothing comes after it
};

struct HostOptions {
  std::size_t threads = 0;  ///< that run actors; 0: one a core
  bool joins = true;        ///< may join other processes: one more thread, which waits on sockets
  bool deterministic =
      false;  ///< no threads: actors run in run() only, in one fixed order; joins nothing
  std::size_t mailbox_limit =
      1'000'000;  ///< past it, messages are thrown away and requests refused
  Duration heartbeat = std::chrono::milliseconds{200};
  Duration peer_timeout = std::chrono::seconds{2};  ///< a silent peer is lost
};

/// What drives cells: threads, mailboxes and sockets. The one implementation is runtime/caf/.
class Host {
 public:
  virtual ~Host() = default;

  /// Gives the cell its mailbox; it starts with the first envelope in it.
  virtual std::shared_ptr<Mailbox> spawn(std::unique_ptr<Cell> cell) = 0;

  /// Joins the process at the other end of a connected stream socket, which is closed with the peer. One side is
  /// `accepting`, the other is not.
  virtual std::shared_ptr<Peer> join(int socket, bool accepting, PeerEvents events) = 0;

  /// Deterministic hosts: lets actors run until none has anything to do, or `most` turns. @return how many turns.
  virtual std::size_t run(std::size_t most) = 0;
  /// How other processes know this one: random, and so unique (runtime/caf/node_identity.hpp). Empty if it joins nobody.
  virtual std::string identity() const = 0;
  /// The paths of the actors that have not ended, given up ones among them.
  virtual std::vector<std::string> running() const = 0;

  /// Ends what still runs and gives the threads back.
  /// @return false if an actor hangs past `within`: then threads and memory are leaked.
  virtual bool stop(Duration within) = 0;
};

std::unique_ptr<Host> make_caf_host(const HostOptions& options);

}  // namespace troupe::runtime
