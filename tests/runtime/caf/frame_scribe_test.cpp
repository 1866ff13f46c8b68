#include "runtime/caf/frame_scribe.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "runtime/actor/envelope.hpp"
#include "runtime/actor/host.hpp"
#include "serialization/frame_builder.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

Frame frame_of(std::size_t payload_bytes, int seed) {
  serialization::FrameBuilder builder{std::array{payload_bytes}};
  const std::span<std::byte> payload = builder.payload(0);
  for (std::size_t i = 0; i < payload.size(); ++i)
    payload[i] = static_cast<std::byte>(i * 7 + i / 251 + static_cast<std::size_t>(seed));
  return builder.seal(std::vector<std::byte>(16));
}

bool same(const Frame& a, const Frame& b) {
  return a.bytes().size() == b.bytes().size() &&
         (a.empty() || std::memcmp(a.bytes().data(), b.bytes().data(), a.bytes().size()) == 0);
}

// One side of a connection, and what it was told.
struct Side {
  std::mutex mutex;
  std::condition_variable changed;
  bool joined = false;
  std::string lost;
  std::vector<Envelope> came;
  std::unique_ptr<Host> host;
  std::shared_ptr<Peer> peer;

  Side(int socket, bool accepting) {
    HostOptions options;
    options.threads = 1;
    options.peer_timeout = 60s;  // a sanitizer makes it slow
    host = make_caf_host(options);
    PeerEvents events;
    events.joined = [this] { tell([this] { joined = true; }); };
    events.received = [this](Envelope e) { tell([&] { came.push_back(std::move(e)); }); };
    events.lost = [this](const std::string& why) { tell([&] { lost = why; }); };
    peer = host->join(socket, accepting, std::move(events));
  }
  ~Side() {
    peer->leave();
    host->stop(10s);
  }
  template <class Change>
  void tell(Change&& change) {
    const std::lock_guard lock{mutex};
    change();
    changed.notify_all();
  }
  template <class Is>
  bool wait(Is&& is, std::chrono::seconds within = 30s) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, within, is);
  }
};

struct SocketPair {
  int ends[2];
  SocketPair() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0); }
};

Envelope carrying(const Frame& frame, const Frame& attachment, std::uint64_t request) {
  Envelope envelope;
  envelope.frame = frame;
  envelope.request = request;
  envelope.enclose().attachment = attachment;
  envelope.enclosed->route = Route{"/to", "/from"};
  return envelope;
}

// Whether these bytes in the place of a handshake end the connection, well before its time is up.
bool is_lost_to(std::uint32_t size, std::uint32_t kind) {
  const SocketPair pair;
  Side side{pair.ends[0], false};
  const std::uint32_t header[] = {size, kind};
  REQUIRE(::write(pair.ends[1], header, sizeof header) == sizeof header);
  const bool lost = side.wait([&] { return !side.lost.empty(); }, 5s);
  ::close(pair.ends[1]);
  return lost;
}

}  // namespace

TEST_CASE("FrameScribe: frames of all sizes and what is attached to them cross in order, to the bit") {
  const SocketPair pair;
  Side left{pair.ends[0], true};
  Side right{pair.ends[1], false};
  REQUIRE(left.wait([&] { return left.joined; }));
  REQUIRE(right.wait([&] { return right.joined; }));

  const std::size_t sizes[] = {0, 100, 65'000, 65'536, 70'000, 1 << 20, 3 << 20};
  std::vector<std::pair<Frame, Frame>> sent;
  for (const std::size_t size : sizes)
    for (const std::size_t attached : sizes) {
      const auto number = static_cast<int>(sent.size());
      sent.emplace_back(frame_of(size, number),
                        attached == 100 ? Frame{} : frame_of(attached, number + 1));
    }
  for (Side* const to : {&left, &right}) {
    Side& from = to == &left ? right : left;
    for (std::size_t i = 0; i < sent.size(); ++i)
      from.peer->send(carrying(sent[i].first, sent[i].second, i));
  }
  for (Side* const to : {&left, &right}) {
    REQUIRE(to->wait([&] { return to->came.size() == sent.size() || !to->lost.empty(); }));
    REQUIRE(to->lost.empty());
    for (std::size_t i = 0; i < sent.size(); ++i) {
      CHECK(to->came[i].request == i);
      CHECK_FALSE(to->came[i].failure());
      CHECK(same(to->came[i].frame, sent[i].first));
      CHECK(same(to->came[i].enclosed->attachment, sent[i].second));
      CHECK(reinterpret_cast<std::uintptr_t>(to->came[i].frame.bytes().data()) % 64 == 0);
    }
  }
}

TEST_CASE("FrameScribe: parts that are none of ours end the connection, and no memory is taken for them") {
  CHECK(is_lost_to(0, 0));
  CHECK(is_lost_to(100, 2));
  CHECK(is_lost_to(0xFFFF'FFC0, 1));
}

TEST_CASE("FrameScribe: outside a connection nothing goes or comes beside") {
  CHECK_FALSE(put_beside({}, frame_of(1 << 20, 1)).has_value());
  CHECK_FALSE(take_beside(1).bytes);
}
