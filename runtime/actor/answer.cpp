#include "runtime/actor/answer.hpp"

#include "runtime/base/error.hpp"

namespace troupe::runtime {

const Frame& Answer::frame() const {
  if (failed_) throw Error{ErrorCode::disconnected, failure_.text};
  return frame_;
}

}  // namespace troupe::runtime
