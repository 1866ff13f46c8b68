#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/actor/answer.hpp"
#include "runtime/base/clock.hpp"

namespace troupe::runtime {

class Mailbox;
class Name;

/// Whose answer somebody waits for, and until when. What hangs and was given up does not let go of its replies, so that
/// whoever waits looks now and then.
struct Expected {
  const Name* holder = nullptr;
  std::uint64_t incarnation = 0;  ///< 0: another process knows
  Duration within{};
  TimePoint due{};

  /// Why there will be no answer; none: there still may be one.
  std::optional<Failure> failure(TimePoint now) const;
  /// When to look again, if there is none.
  TimePoint next_look(TimePoint now) const;
};

/// The duty to answer one request. Answer at once or keep it; a reply that is let go unanswered tells the
/// asker so, and one whose holder ends tells the asker why. May be moved to another thread.
class Reply {
 public:
  Reply() = default;
  Reply(Reply&& other) noexcept = default;
  Reply& operator=(Reply&& other) noexcept;
  ~Reply() {
    if (asker_) let_go();
  }

  /// Fulfils the duty; a second answer, and one by an incarnation that counts no more, has no effect.
  void answer(Frame frame);
  /// Says no. `why` is one line.
  void refuse(std::string why);

  /// Whether an answer is still owed.
  bool open() const { return asker_ != nullptr; }

 private:
  friend class Cell;
  friend class Link;
  friend class Outside;
  friend class DroppedReplies;
  Reply(std::shared_ptr<Mailbox> asker, std::uint64_t request)
      : asker_{std::move(asker)}, request_{request} {}
  void fail(Failure failure);
  void let_go();
  bool void_holder() const;

  std::shared_ptr<Mailbox> asker_;
  std::uint64_t request_ = 0;
  // Who owes the answer.
  const Name* holder_ = nullptr;
  std::uint64_t holder_incarnation_ = 0;
};

/// While it lives, replies that are let go in this thread are held back, and answered by refuse() or at its end: a
/// handler that throws drops its reply before anybody knows why. Private to the runtime.
class DroppedReplies {
 public:
  DroppedReplies();
  ~DroppedReplies();
  DroppedReplies(const DroppedReplies&) = delete;
  DroppedReplies& operator=(const DroppedReplies&) = delete;
  /// Says no in the place of those that are held back.
  void refuse(const std::string& why);

 private:
  friend class Reply;
  DroppedReplies* outer_;
  std::vector<Reply> replies_;
};

/// Replies that are kept until there is something to say. At most `limit`: one more is refused. Those that
/// still wait when this dies are answered with the reason.
class Waiters {
 public:
  explicit Waiters(std::size_t limit = 1024) : limit_{limit} {}

  void add(Reply reply);
  /// Answers all of them with the same frame.
  void answer(const Frame& frame);
  void refuse(const std::string& why);
  std::size_t size() const { return waiting_.size(); }

 private:
  std::size_t limit_;
  std::vector<Reply> waiting_;
};

}  // namespace troupe::runtime
