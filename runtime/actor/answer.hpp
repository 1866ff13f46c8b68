#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "serialization/frame.hpp"

namespace troupe::runtime {

using serialization::Frame;

/// Why a request got no frame for an answer.
enum class FailureKind : std::uint8_t {
  timeout,      ///< its deadline passed
  not_running,  ///< nothing runs under that path now
  ended,        ///< the actor ended before it answered, or its process or node was lost
  refused,      ///< the actor, or the runtime before it, says no: the text says why
  dropped,      ///< the actor let the reply go without an answer
};

struct Failure {
  FailureKind kind = FailureKind::dropped;
  std::string text = {};  ///< one line: whom was asked, and what happened
};

/// What came of a request: a frame, or the reason why there is none.
class Answer {
 public:
  explicit Answer(Frame frame) : frame_{std::move(frame)} {}
  explicit Answer(Failure failure) : failed_{true}, failure_{std::move(failure)} {}

  bool ok() const { return !failed_; }
  /// @throws Error disconnected with the failure's text, if there is no frame.
  const Frame& frame() const;
  /// Meaningful if not ok().
  const Failure& failure() const { return failure_; }

 private:
  bool failed_ = false;
  Frame frame_;
  Failure failure_;
};

}  // namespace troupe::runtime
