#pragma once

#include <cstdint>

namespace troupe::bench {

/// The same as the runtime's, by CAF alone on two threads: one actor asks another `count` times, one after the other, each
/// request with a finite timeout. @return seconds.
double plain_requests(std::uint64_t count);
/// One actor sends another `count` messages, then asks whether they have come. @return seconds.
double plain_messages(std::uint64_t count);

}  // namespace troupe::bench
