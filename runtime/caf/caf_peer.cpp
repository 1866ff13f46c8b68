#include "runtime/caf/caf_peer.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/atom.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/scribe.hpp>
#include <caf/send.hpp>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "runtime/base/error.hpp"
#include "runtime/caf/frame_scribe.hpp"
#include "runtime/caf/parcel.hpp"

namespace troupe::runtime {
namespace {

constexpr std::chrono::seconds join_within{10};
constexpr std::uint16_t no_port = 1;  // BASP wants a number; nothing listens on it

caf::actor basp_of(caf::actor_system& system) {
  return system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
}

// Shared by the gate and by those who send through it.
struct Connection {
  ~Connection() { ::close(socket); }
  int socket = -1;  // a duplicate of the one that CAF owns, to end the connection with
  caf::actor peer;  // set before `joined` is told
};

// The one actor of this process that the peer knows. It hears Parcels from nobody else.
class Gate final : public caf::event_based_actor {
 public:
  Gate(caf::actor_config& config, std::shared_ptr<Connection> connection, int socket,
       bool accepting, PeerEvents events)
      : caf::event_based_actor{config},
        connection_{std::move(connection)},
        socket_{socket},
        accepting_{accepting},
        events_{std::move(events)} {}

  caf::behavior make_behavior() override {
    set_default_handler(caf::drop);
    set_down_handler([this](const caf::down_msg&) { lose("the connection ended"); });
    auto& multiplexer =
        static_cast<caf::io::network::default_multiplexer&>(system().middleman().backend());
    caf::io::network::nonblocking(socket_, true);
    caf::io::scribe_ptr scribe = make_frame_scribe(multiplexer, socket_);
    if (accepting_) {
      caf::anon_send(basp_of(system()), caf::publish_atom_v, std::move(scribe), no_port,
                     caf::actor_cast<caf::strong_actor_ptr>(this), std::set<std::string>{});
    } else {
      request(basp_of(system()), join_within, caf::connect_atom_v, std::move(scribe), no_port)
          .then(
              [this](caf::node_id&, caf::strong_actor_ptr& peer, std::set<std::string>&) {
                if (!peer) return lose("the other side offers nobody to talk to");
                meet(caf::actor_cast<caf::actor>(peer));
                Envelope hello;
                hello.enclose().route.emplace();
                send(connection_->peer, Parcel{std::move(hello)});
              },
              [this](caf::error& error) {
                lose("the other side does not answer: " + system().render(error));
              });
    }
    return {[this](Parcel& parcel) {
      const caf::strong_actor_ptr& from = current_sender();
      if (lost_ || !from) return;
      if (!connection_->peer) return meet(caf::actor_cast<caf::actor>(from));  // its hello
      if (from->id() != connection_->peer.id() || from->node() != connection_->peer.node()) return;
      events_.received(std::move(parcel.envelope));
    }};
  }

  void on_exit() override { lose("this side left"); }
  const char* name() const override { return "troupe.gate"; }

 private:
  void meet(caf::actor peer) {
    monitor(peer);
    connection_->peer = std::move(peer);
    events_.joined();
  }
  void lose(const std::string& reason) {
    if (!std::exchange(lost_, true)) events_.lost(reason);
    quit();
  }

  const std::shared_ptr<Connection> connection_;
  const int socket_;
  const bool accepting_;
  PeerEvents events_;
  bool lost_ = false;
};

class CafPeer final : public Peer {
 public:
  CafPeer(std::shared_ptr<Connection> connection, caf::actor gate)
      : connection_{std::move(connection)}, gate_{std::move(gate)} {}
  ~CafPeer() override { leave(); }

  void send(Envelope envelope) override {
    caf::send_as(gate_, connection_->peer, Parcel{std::move(envelope)});
  }
  void leave() override {
    ::shutdown(connection_->socket, SHUT_RDWR);
    caf::anon_send_exit(gate_, caf::exit_reason::kill);
  }

 private:
  const std::shared_ptr<Connection> connection_;
  const caf::actor gate_;
};

}  // namespace

std::shared_ptr<Peer> make_caf_peer(caf::actor_system& system, int socket, bool accepting,
                                    PeerEvents events) {
  auto connection = std::make_shared<Connection>();
  connection->socket = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (connection->socket < 0) {
    const std::string why = std::strerror(errno);
    ::close(socket);
    throw Error{ErrorCode::exhausted, "join: no descriptor for the connection: " + why};
  }
  caf::actor gate = system.spawn<Gate>(connection, socket, accepting, std::move(events));
  return std::make_shared<CafPeer>(std::move(connection), std::move(gate));
}

}  // namespace troupe::runtime
