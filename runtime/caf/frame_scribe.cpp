#include "runtime/caf/frame_scribe.hpp"

#include <sys/socket.h>
#include <sys/uio.h>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/native_socket.hpp>
#include <caf/io/network/rw_state.hpp>
#include <caf/io/network/stream_impl.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace troupe::runtime {
namespace {

using caf::io::network::rw_state;
using serialization::Frame;

constexpr std::size_t least_beside = 64 * 1024;             // below, a copy is cheaper
constexpr std::size_t most_beside = std::size_t{64} << 20;  // memory is taken before the bytes come
constexpr std::size_t most_in_part = std::size_t{1} << 30;
constexpr std::size_t most_kept = 2;                        // a message names two frames at most

// Before each part of the stream: little-endian, as all that Troupe sends.
struct PartHeader {
  std::uint32_t size = 0;
  std::uint32_t is_frame = 0;
};
static_assert(sizeof(PartHeader) == 8);

// What BASP has written, and the frames that go between its bytes.
struct Batch {
  struct Beside {
    std::size_t at = 0;
    Frame frame;
  };
  std::vector<char> bytes;
  std::vector<Beside> frames;

  bool empty() const { return bytes.empty(); }
  void clear() {
    bytes.clear();
    frames.clear();
  }
};

class Outgoing {
 public:
  Batch& next() { return next_; }
  std::uint64_t put(const Frame& frame) {
    next_.frames.push_back({next_.bytes.size(), frame});
    return ++number_;
  }

  // As much as the socket takes. False: the connection broke.
  bool send(int socket) {
    if (at_ == parts_.size() && !begin()) return true;
    std::array<iovec, 16> pieces;
    std::size_t count = 0;
    std::size_t skip = done_;
    for (std::size_t part = at_; part < parts_.size() && count + 2 <= pieces.size(); ++part) {
      add(pieces[count], count, {reinterpret_cast<char*>(&parts_[part].header), 8}, skip);
      add(pieces[count], count, parts_[part].bytes, skip);
    }
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = count;
    const ssize_t sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    for (done_ += static_cast<std::size_t>(sent);
         at_ < parts_.size() && done_ >= parts_[at_].bytes.size() + 8; ++at_)
      done_ -= parts_[at_].bytes.size() + 8;
    if (at_ == parts_.size()) current_.clear();  // lets go of its frames
    return true;
  }
  bool idle() const { return at_ == parts_.size() && next_.empty(); }

 private:
  struct Part {
    PartHeader header;
    std::span<const char> bytes;
  };

  static void add(iovec& piece, std::size_t& count, std::span<const char> bytes,
                  std::size_t& skip) {
    const std::size_t skipped = std::min(skip, bytes.size());
    skip -= skipped;
    if (skipped == bytes.size()) return;
    piece = {const_cast<char*>(bytes.data()) + skipped, bytes.size() - skipped};
    ++count;
  }

  // Cuts what has gathered meanwhile into parts.
  bool begin() {
    parts_.clear();
    at_ = done_ = 0;
    current_.clear();
    if (next_.empty()) return false;
    std::swap(current_, next_);
    std::span<const char> rest{current_.bytes};
    std::size_t from = 0;
    for (const Batch::Beside& beside : current_.frames) {
      add_part(rest.subspan(from, beside.at - from), false);
      const std::span<const std::byte> bytes = beside.frame.bytes();
      add_part({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, true);
      from = beside.at;
    }
    add_part(rest.subspan(from), false);
    return true;
  }
  void add_part(std::span<const char> bytes, bool is_frame) {
    while (!bytes.empty()) {  // a frame is one part: it is smaller
      const std::span<const char> part = bytes.first(std::min(bytes.size(), most_in_part));
      parts_.push_back({{static_cast<std::uint32_t>(part.size()), is_frame ? 1U : 0U}, part});
      bytes = bytes.subspan(part.size());
    }
  }

  Batch next_;     // written by BASP
  Batch current_;  // being sent
  std::vector<Part> parts_;
  std::size_t at_ = 0;    // the part being sent
  std::size_t done_ = 0;  // of it, with its header
  std::uint64_t number_ = 0;
};

class Incoming {
 public:
  // Some of BASP's bytes, perhaps none. False: the connection broke, or the peer sends what is none
  // of ours.
  bool receive(int socket, char* to, std::size_t size, std::size_t& got) {
    got = 0;
    for (;;) {
      std::array<iovec, 2> pieces;
      std::size_t count = 0;
      std::size_t wanted = 0;  // of the part
      if (left_ > 0) {
        wanted = block_.bytes ? left_ : std::min(left_, size);
        pieces[count++] = {block_.bytes ? block_at() : to, wanted};
      }
      if (wanted == left_) pieces[count++] = {header_bytes() + header_got_, 8 - header_got_};
      const ssize_t read = ::readv(socket, pieces.data(), static_cast<int>(count));
      if (read < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
      if (read == 0) return false;
      const std::size_t of_part = std::min(wanted, static_cast<std::size_t>(read));
      left_ -= of_part;
      header_got_ += static_cast<std::size_t>(read) - of_part;
      const bool was_frame = block_.bytes != nullptr;
      const bool frame_ended = was_frame && left_ == 0;
      if (frame_ended) keep();
      if (left_ == 0 && header_got_ == 8 && !begin()) return false;
      if (!was_frame && of_part > 0) {
        got = of_part;
        return true;
      }
      if (frame_ended) return true;  // others have their turn
    }
  }

  // Older ones belonged to messages that nobody wanted.
  Block take(std::uint64_t number) {
    while (!kept_.empty()) {
      const std::uint64_t first = number_ - kept_.size() + 1;
      if (number < first) return {};
      Block block = std::move(kept_.front());
      kept_.pop_front();
      if (number == first) return block;
    }
    return {};
  }

 private:
  char* header_bytes() { return reinterpret_cast<char*>(&header_); }
  char* block_at() { return reinterpret_cast<char*>(block_.bytes.get()) + (block_.size - left_); }

  void keep() {
    if (kept_.size() == most_kept) kept_.pop_front();
    kept_.push_back(std::exchange(block_, {}));
    ++number_;
  }
  bool begin() {
    header_got_ = 0;
    left_ = header_.size;
    if (left_ == 0 || header_.is_frame > 1) return false;
    if (header_.is_frame == 0) return true;
    if (left_ > most_beside) return false;
    block_ = pool_->get(left_);
    return true;
  }

  PartHeader header_;
  std::size_t header_got_ = 0;
  std::size_t left_ = 0;  // of the part
  Block block_;           // the part, if it is a frame
  std::deque<Block> kept_;
  const std::shared_ptr<BlockPool> pool_ = std::make_shared<BlockPool>();
  std::uint64_t number_ = 0;
};

struct Transport {
  Outgoing out;
  Incoming in;
  bool writing = false;
};

// Whose bytes BASP writes and reads in this thread now.
thread_local Outgoing* written = nullptr;
thread_local Incoming* being_read = nullptr;

// CAF's stream with its own buffer bypassed: while it holds one byte, it waits until the socket can
// be written to.
struct Policy {
  Transport* transport;

  rw_state read_some(std::size_t& got, int socket, void* to, std::size_t size) try {
    being_read = &transport->in;
    return transport->in.receive(socket, static_cast<char*>(to), size, got) ? rw_state::success
                                                                            : rw_state::failure;
  } catch (const std::exception&) {  // no memory
    return rw_state::failure;
  }
  rw_state write_some(std::size_t& put, int socket, const void*, std::size_t size) {
    put = 0;
    if (!transport->out.send(socket)) return rw_state::failure;
    if (transport->out.idle()) {
      put = size;
      transport->writing = false;
    }
    return rw_state::success;
  }
  static constexpr bool must_read_more(int, std::size_t) { return false; }
};

class FrameScribe final : public caf::io::scribe {
 public:
  FrameScribe(caf::io::network::default_multiplexer& multiplexer, int socket)
      : caf::io::scribe{caf::io::network::conn_hdl_from_socket(socket)},
        stream_{multiplexer, socket, Policy{&transport_}} {}
  ~FrameScribe() override {
    if (written == &transport_.out) written = nullptr;
    if (being_read == &transport_.in) being_read = nullptr;
  }

  void configure_read(caf::io::receive_policy::config config) override {
    stream_.configure_read(config);
    if (!std::exchange(launched_, true)) stream_.start(this);
  }
  void ack_writes(bool) override {}  // BASP does not ask for it
  std::vector<char>& wr_buf() override {
    written = &transport_.out;
    return transport_.out.next().bytes;
  }
  std::vector<char>& rd_buf() override { return stream_.rd_buf(); }
  void flush() override {
    if (transport_.out.next().empty() || std::exchange(transport_.writing, true)) return;
    stream_.wr_buf().push_back(0);
    stream_.flush(this);
  }
  void graceful_shutdown() override {
    stream_.graceful_shutdown();
    detach(&stream_.backend(), false);
  }
  std::string addr() const override { return {}; }
  std::uint16_t port() const override { return 0; }
  void add_to_loop() override { stream_.activate(this); }
  void remove_from_loop() override { stream_.passivate(); }

 private:
  bool launched_ = false;
  Transport transport_;
  caf::io::network::stream_impl<Policy> stream_;
};

}  // namespace

caf::io::scribe_ptr make_frame_scribe(caf::io::network::default_multiplexer& multiplexer,
                                      int socket) {
  return caf::make_counted<FrameScribe>(multiplexer, socket);
}

std::optional<std::uint64_t> put_beside(const std::vector<char>& buffer, const Frame& frame) {
  const std::size_t size = frame.bytes().size();
  if (!written || &written->next().bytes != &buffer || size < least_beside || size > most_beside)
    return {};
  return written->put(frame);
}

Block take_beside(std::uint64_t number) {
  return being_read ? being_read->take(number) : Block{};
}

}  // namespace troupe::runtime
