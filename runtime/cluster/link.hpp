#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/actor/host.hpp"
#include "runtime/actor/mailbox.hpp"
#include "runtime/actor/message_type.hpp"
#include "runtime/actor/reply.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::runtime {

class NameTable;

/// Two processes that are joined, as one of them sees it: the mailbox of everything that lives beyond. Thread-safe.
///
/// - LINK-1: a request that went out is answered once: by the other side, or with the reason when the link ends; its
///   asker keeps the deadline.
/// - LINK-2: what is pushed before the link is joined goes out then, in order; past `max_waiting` it is thrown away.
/// - LINK-3: what comes in is for a path; one that is unknown here, or a message that is unsound, costs the message
///   and tells an asker so.
/// - LINK-4: a message of more than most_bytes_across is thrown away, and an asker, or who waits for the answer, hears so.
class Link final : public Mailbox, public std::enable_shared_from_this<Link> {
 public:
  static constexpr std::size_t max_waiting = 65'536;

  /// Messages between the two sides' runtimes, to the path "".
  using Control = std::function<void(const Envelope&)>;

  /// @param other whom failures name, such as "worker /train/0".
  Link(NameTable& names, const Clock& clock, std::string other, Control control);
  ~Link() override;

  // As a mailbox. An envelope says by its `to` which actor beyond it is for.
  void push(Envelope&& envelope) override;
  std::size_t depth() const override;
  bool local() const override { return false; }
  void kill() override {}

  /// A message to the other side's runtime.
  void control(MessageType type, Frame message);

  // Told by the host.

  void joined(std::shared_ptr<Peer> peer);
  void received(Envelope envelope);
  /// Every open request fails with this reason. Nothing goes through from here on.
  void end(const std::string& reason);

  /// Forgets requests whose askers no longer wait. Called now and then.
  void forget_expired();
  std::size_t open_requests() const;

 private:
  struct Open {
    Reply reply;
    TimePoint until;
  };

  void send(Envelope envelope);
  NameTable& names_;
  const Clock& clock_;
  const std::string other_;
  const Control control_;
  mutable std::mutex mutex_;
  std::shared_ptr<Peer> peer_;  // none before it is joined, and after its end
  bool ended_ = false;
  std::string reason_;
  std::vector<Envelope> waiting_;
  std::uint64_t next_request_ = 1;
  std::unordered_map<std::uint64_t, Open> open_;
};

}  // namespace troupe::runtime
