#include "runtime/actor/reply.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "runtime/actor/envelope.hpp"
#include "runtime/actor/mailbox.hpp"
#include "runtime/actor/name_table.hpp"
#include "runtime/parameters.hpp"

namespace troupe::runtime {
namespace {

thread_local DroppedReplies* holding_back = nullptr;

// Of an incarnation that only another process knows (0), that process decides.
bool is_void(const Name& holder, std::uint64_t incarnation) {
  return incarnation != 0 && !holder.counts(incarnation);
}

// Why that incarnation will answer nothing more; none: it still may.
std::optional<Failure> why_no_answer(const Name& holder, std::uint64_t incarnation) {
  std::optional<Exit> exit = holder.exit_of(incarnation);
  if (!exit && is_void(holder, incarnation))
    exit = Exit{ExitKind::killed, "its supervisor ended it"};
  if (!exit) return {};
  std::string text = holder.path() + " ended (" + std::string{to_string(exit->kind)} + ")";
  if (!exit->reason.empty()) text += ": " + exit->reason;
  return Failure{FailureKind::ended, std::move(text)};
}

}  // namespace

std::optional<Failure> Expected::failure(TimePoint now) const {
  if (is_void(*holder, incarnation))
    if (auto ended = why_no_answer(*holder, incarnation)) return ended;
  if (now < due) return {};
  return Failure{FailureKind::timeout, holder->path() + " did not answer within " +
                                           to_string(ParameterValue{within})};
}

TimePoint Expected::next_look(TimePoint now) const {
  return std::min(due, later(now, std::chrono::seconds{1}));
}

DroppedReplies::DroppedReplies() : outer_{std::exchange(holding_back, this)} {}

DroppedReplies::~DroppedReplies() {
  holding_back = outer_;
}

void DroppedReplies::refuse(const std::string& why) {
  for (Reply& reply : std::exchange(replies_, {})) reply.refuse(why);
}

Reply& Reply::operator=(Reply&& other) noexcept {
  if (this != &other) {
    let_go();
    asker_ = std::move(other.asker_);
    request_ = other.request_;
    holder_ = other.holder_;
    holder_incarnation_ = other.holder_incarnation_;
  }
  return *this;
}

bool Reply::void_holder() const {
  return holder_ && is_void(*holder_, holder_incarnation_);
}

void Reply::answer(Frame frame) {
  if (!asker_) return;
  if (void_holder()) return let_go();
  Envelope envelope;
  envelope.kind = EnvelopeKind::answer;
  envelope.request = request_;
  envelope.frame = std::move(frame);
  std::exchange(asker_, nullptr)->push(std::move(envelope));
}

void Reply::refuse(std::string why) {
  if (!asker_) return;
  if (void_holder()) return let_go();
  fail({FailureKind::refused, (holder_ ? holder_->path() + ": " : std::string{}) + std::move(why)});
}

void Reply::fail(Failure failure) {
  if (!asker_) return;
  std::exchange(asker_, nullptr)->push(failure_envelope(request_, std::move(failure)));
}

void Reply::let_go() {
  if (!asker_) return;
  if (holding_back) return holding_back->replies_.push_back(std::move(*this));
  if (!holder_) return fail({FailureKind::dropped, "the request was dropped without an answer"});
  fail(why_no_answer(*holder_, holder_incarnation_)
           .value_or(Failure{FailureKind::dropped,
                             holder_->path() + " dropped the request without an answer"}));
}

void Waiters::add(Reply reply) {
  if (waiting_.size() >= limit_)
    return reply.refuse(std::to_string(limit_) + " requests wait for the same answer already");
  waiting_.push_back(std::move(reply));
}

void Waiters::answer(const Frame& frame) {
  for (Reply& reply : std::exchange(waiting_, {})) reply.answer(frame);
}

void Waiters::refuse(const std::string& why) {
  for (Reply& reply : std::exchange(waiting_, {})) reply.refuse(why);
}

}  // namespace troupe::runtime
