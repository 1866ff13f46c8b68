#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "runtime/actor/channel_in.hpp"
#include "runtime/actor/channel_out.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/handlers.hpp"
#include "runtime/actor/ref.hpp"
#include "runtime/actor/reply.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/exit.hpp"
#include "serialization/frame.hpp"

namespace troupe::runtime {

struct ChannelState;

struct ChannelsOptions {
  std::size_t max_channels = 256;  ///< of each direction, at a time
  /// So often the sending end asks whether all has arrived, so that a message that was lost is found out.
  Duration probe_every = std::chrono::seconds{5};
  std::uint32_t max_silent_probes = 12;  ///< without an answer, until the channel is given up
};

struct ChannelOutOptions {
  std::uint64_t max_queued_bytes = std::uint64_t{4} << 20;  ///< there is room below that
  Duration open_within = std::chrono::seconds{30};          ///< else the channel ends
};

struct ChannelInOptions {
  std::uint64_t window_bytes = std::uint64_t{4} << 20;    ///< sent, but not consumed; 64 … 2^40
  std::uint64_t max_item_bytes = std::uint64_t{1} << 30;  ///< a larger item ends the channel
  bool consume_on_return = true;  ///< an item is consumed when on_item returns, else by consumed()
};

/// All channels of one actor (channel.hpp), a member of it:
///
///     Source(Context& context, const Parameters&) : channels_{context} {}
///     void handles(Handlers& on) override {
///       channels_.handles(on);
///       out_ = channels_.open(context_.ref("sink"), "batches");
///       out_.on_writable([this] { fill(); });
///       fill();  // while (out_.can_send()) out_.send(…);
///     }
///
///     void Sink::handles(Handlers& on) override {
///       channels_.handles(on);
///       channels_.accept("batches", [this](ChannelIn in) { in.on_item([this](Frame item) { … }); });
///     }
///
/// A channel joins one incarnation of an actor to one of another: when either ends, the other's end is told why, and
/// whoever wants to go on opens a new one. All that is called back is called in the actor's turns, and nothing from
/// within open() or accept(). Belongs to its actor and is not synchronised.
class Channels {
 public:
  explicit Channels(Context& context, ChannelsOptions options = {});
  ~Channels();
  Channels(const Channels&) = delete;
  Channels& operator=(const Channels&) = delete;

  /// Once, from Actor::handles().
  void handles(Handlers& on);

  /// Opens a channel to an actor that accepts that name. Items may be sent at once; if it is not running,
  /// refuses or does not answer, the channel ends with that as reason.
  /// @throws Error exhausted at max_channels, bad_input if `to` names nobody or the name has not 1 to 100 bytes.
  ChannelOut open(const Ref& to, const std::string& name, const ChannelOutOptions& options = {});

  using OnChannel = std::function<void(ChannelIn)>;
  /// From here on others may open channels of that name; each is shown to `then`, which sets on_item or aborts it.
  /// @throws Error bad_input if the window is out of range.
  void accept(std::string name, OnChannel then, const ChannelInOptions& options = {});

  /// Open ones, of both directions.
  std::size_t size() const { return out_.size() + in_.size(); }

 private:
  using InKey =
      std::pair<std::string, std::uint64_t>;  // the opener's path, the channel's incarnation
  struct Acceptor {
    OnChannel then;
    ChannelInOptions options;
  };
  struct Remembered {
    InKey key;
    serialization::Frame end;
  };

  using OnPeerExit = std::function<void(const Exit&)>;

  void hear(const Frame& message);
  void hear_opening(const Frame& message, Reply reply);
  std::shared_ptr<ChannelInState> make_in(const InKey& key, std::uint64_t opener,
                                          const ChannelInOptions& options);
  void answer_unknown(const InKey& key, bool to_sender);
  void watch_peer(const std::shared_ptr<ChannelState>& state, OnPeerExit then);
  void ended(ChannelState& state, const ChannelEnd& end);
  void schedule_tick();
  void tick();
  /// Whether it was silent for too long.
  bool give_up(ChannelState& state) const;

  Context& context_;
  const ChannelsOptions options_;
  std::uint32_t opened_ = 0;
  std::map<std::string, Acceptor> acceptors_;
  std::unordered_map<std::uint64_t, std::shared_ptr<ChannelOutState>> out_;
  std::map<InKey, std::shared_ptr<ChannelInState>> in_;
  std::deque<Remembered>
      finished_;             // what the last ones that ended told their openers, who may ask again
  std::uint64_t timer_ = 0;  // 0: none
};

}  // namespace troupe::runtime
