#pragma once

#include <cstdint>
#include <string>

#include "runtime/actor/answer.hpp"
#include "runtime/registry.hpp"

namespace troupe::test {

/// "source", which sends the items that "sink" expects. An ask of Poke is answered with Tally:
///
///     transfer  opens a channel to the sink `whom`, sends item_count items and finishes: when it
///               has ended
///     endless   the same without an end, and finish()
///     items     the sink has received an item of a channel that is open
///     end       the sink was told the end of all channels so far, of at least one
///     abort     gives the channel up: at once
///     now       at once
///
/// A sink consumes each item a while after it came, so that its window fills.
void add_channel_actors(runtime::Registry& registry);

constexpr std::uint64_t item_count = 60;
constexpr std::uint64_t sink_window_bytes = std::uint64_t{2} << 20;
constexpr std::uint64_t source_queue_bytes = std::uint64_t{1} << 20;
/// What is sent as one message beyond a process.
constexpr std::uint64_t piece_bytes = std::uint64_t{1} << 20;

/// Frames that are as large as a piece, two and more, up to 8 MiB of payload, and next to none.
runtime::Frame channel_item(std::uint64_t number);

struct ChannelTally {
  std::uint64_t items = 0, wrong = 0, most = 0, begun = 0, ended = 0;
  int kind = 0;
  std::string reason;
};
/// @throws what the answer says if it is none.
ChannelTally tally_of(const runtime::Answer& answer);

}  // namespace troupe::test
