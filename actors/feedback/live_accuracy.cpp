#include "actors/feedback/live_accuracy.hpp"

#include "runtime/base/error.hpp"

namespace troupe::actors {

LiveAccuracy::LiveAccuracy(std::size_t window) : ring_(window) {
  if (window == 0)
    throw Error{ErrorCode::bad_input, "live accuracy: expected a window of at least 1, got 0"};
}

void LiveAccuracy::add(bool right) {
  add_outside(1, right ? 1 : 0);
  if (size_ == static_cast<std::int64_t>(ring_.size())) {
    right_ -= ring_[next_] ? 1 : 0;
  } else {
    ++size_;
  }
  ring_[next_] = right;
  right_ += right ? 1 : 0;
  next_ = (next_ + 1) % ring_.size();
}

void LiveAccuracy::add_outside(std::int64_t labels, std::int64_t right) {
  all_ += labels;
  all_right_ += right;
}

void LiveAccuracy::start_anew() {
  next_ = 0;
  size_ = 0;
  right_ = 0;
}

}  // namespace troupe::actors
