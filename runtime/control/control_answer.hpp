#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace troupe::runtime {

class Outbox;

/// The answer to one request at the control socket. It may be kept, copied, and completed later, from
/// any thread; nothing here blocks. The first completion counts, and nothing after it. If the last copy goes without one, the
/// client is told that "the node dropped the request".
///
/// Once the client is gone, the request's deadline is past or the server has ended, all calls do nothing.
class ControlAnswer {
 public:
  ControlAnswer(std::shared_ptr<Outbox> outbox, std::uint64_t request);

  /// Completes it with one JSON value, or with one line of text that says what is wrong.
  void ok(std::string_view json);
  void error(std::string_view text);

  /// Makes it a stream, which has no deadline; the first line does so too.
  void stream();
  /// One JSON value of a stream. If the client leaves more unread than the server's `output_bytes`, its
  /// connection is closed.
  void line(std::string_view json);
  /// Completes a stream.
  void end();

  /// Whether somebody still waits for it: what makes a stream asks now and then, and stops.
  bool alive() const;

 private:
  struct Ticket;
  std::shared_ptr<Ticket> ticket_;
};

}  // namespace troupe::runtime
