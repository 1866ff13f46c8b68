#pragma once

#include <charconv>
#include <string>
#include <utility>

#include "runtime/base/error.hpp"

namespace troupe::gpu::nn {

/// Collects what is out of range, so that one error names it all.
class RangeProblems {
 public:
  explicit RangeProblems(std::string subject) : subject_{std::move(subject)} {}

  /// Nothing where `holds`; a value prints with the fewest digits that read back as itself.
  void expect(bool holds, const char* field, const char* expected, double got) {
    if (holds) return;
    char digits[32];
    const std::to_chars_result end = std::to_chars(digits, digits + sizeof digits, got);
    text_ += (text_.empty() ? "" : "; ") + std::string{field} + ": expected " + expected +
             ", got " + std::string{digits, end.ptr};
  }
  /// @throws Error bad_input if there were any.
  void refuse() const {
    if (!text_.empty()) throw Error{ErrorCode::bad_input, subject_ + ": " + text_};
  }

 private:
  std::string subject_;
  std::string text_;
};

}  // namespace troupe::gpu::nn
