#include "runtime/actor/channel_sender.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <variant>

#include "runtime/actor/channel_protocol.hpp"
#include "runtime/base/error.hpp"
#include "serialization/malformed_frame.hpp"

namespace troupe::runtime {

using serialization::Frame;

ChannelSender::ChannelSender(ChannelSenderOptions options) : options_{std::move(options)} {
  if (!options_.emit) throw Error{ErrorCode::bad_input, "channel: expected a function to emit"};
}

void ChannelSender::send(Frame item) {
  if (ended_) throw Error{ErrorCode::disconnected, "channel: it has ended"};
  if (closed_) throw Error{ErrorCode::bug, "channel: an item was sent after finish()"};
  if (item.empty()) throw Error{ErrorCode::bad_input, "channel: expected an item, got no bytes"};
  if (!can_send()) {
    throw Error{ErrorCode::exhausted,
                "channel: expected less than " + std::to_string(options_.max_queued_bytes) +
                    " bytes in its queue, got " + std::to_string(queued_bytes_)};
  }
  queued_bytes_ += item.bytes().size();
  queue_.push_back(std::move(item));
  pump();
  was_full_ = !closed_ && !can_send();
}

void ChannelSender::finish() {
  closed_ = true;
  pump();
}

void ChannelSender::probe() {
  if (ended_) return;
  options_.emit(end_sent_ ? encode_end(options_.incarnation, ChannelSide::sender, {}, sent_)
                          : encode_probe(options_.incarnation, sent_),
                {});
}

void ChannelSender::abort(const std::string& reason) {
  end({ChannelEnd::Kind::aborted, reason}, true);
}

void ChannelSender::peer_exited(const Exit& exit) {
  end({ChannelEnd::Kind::lost,
       "the receiver has ended, " + std::string{to_string(exit.kind)} + ": " + exit.reason},
      false);
}

void ChannelSender::handle(const Frame& message) {
  if (ended_) {
    ++drops_.after_end;
    return;
  }
  std::optional<ChannelMessage> decoded;
  try {
    decoded = decode_channel(message, options_.incarnation);
  } catch (const serialization::MalformedFrame& error) {
    end({ChannelEnd::Kind::failed, error.what()}, true);
    return;
  }
  if (!decoded) {
    ++drops_.stale;  // CH-6
  } else if (const auto* grant = std::get_if<ChannelGrant>(&*decoded)) {
    if (grant->credit <= credit_) ++drops_.repeated;
    credit_ = std::max(credit_, grant->credit);  // CH-3
    pump();
  } else if (const auto* told = std::get_if<ChannelEndMessage>(&*decoded)) {
    const bool early =
        told->end.kind == ChannelEnd::Kind::finished && (!end_sent_ || told->offset != sent_);
    if (early) {
      end({ChannelEnd::Kind::failed, "channel: expected to finish at byte " +
                                         std::to_string(sent_ + queued_bytes_) + ", got " +
                                         std::to_string(told->offset)},
          true);
    } else {
      end(told->end, false);
    }
  } else {
    end({ChannelEnd::Kind::failed, "channel: expected a grant or the end, got data"}, true);
  }
}

/// What is emitted may lead to a grant before emit() returns: the outermost call goes on then.
void ChannelSender::pump() {
  if (pumping_) return;
  struct Pumping {
    explicit Pumping(bool& flag) : flag_{flag} { flag_ = true; }
    ~Pumping() { flag_ = false; }
    bool& flag_;
  };
  {
    const Pumping pumping{pumping_};
    while (!queue_.empty() && sent_ < credit_) emit_next();
    if (closed_ && queue_.empty() && !end_sent_) {
      end_sent_ = true;
      options_.emit(encode_end(options_.incarnation, ChannelSide::sender, {}, sent_), {});
    }
  }
  if (was_full_ && can_send()) {
    was_full_ = false;
    if (options_.on_writable) options_.on_writable();
  }
}

void ChannelSender::emit_next() {
  const Frame item = queue_.front();
  const std::uint64_t size = item.bytes().size();
  const std::uint64_t most = options_.cut_above_bytes;
  const bool whole = most == 0 || (options_.whole_beside && size <= most);
  const std::uint64_t piece = whole ? size : std::min(most, size - front_sent_);
  const Frame message =
      encode_data(options_.incarnation, sent_, size,
                  whole ? std::span<const std::byte>{} : item.bytes().subspan(front_sent_, piece));
  sent_ += piece;
  front_sent_ += piece;
  queued_bytes_ -= piece;
  if (front_sent_ == size) {
    queue_.pop_front();
    front_sent_ = 0;
  }
  options_.emit(message, whole ? item : Frame{});
}

void ChannelSender::end(const ChannelEnd& end, bool tell_peer) {
  if (ended_) return;
  ended_ = closed_ = end_sent_ = true;
  was_full_ = false;
  queue_.clear();
  queued_bytes_ = front_sent_ = 0;
  if (tell_peer)
    options_.emit(encode_end(options_.incarnation, ChannelSide::sender, end, sent_), {});
  if (options_.on_ended) options_.on_ended(end);
}

}  // namespace troupe::runtime
