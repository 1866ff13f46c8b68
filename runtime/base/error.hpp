#pragma once

#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

namespace troupe {

/// What a caller can do about an error.
enum class ErrorCode {
  bad_input,     ///< mend what was passed in: a file, a config, an argument, a shape
  corrupted,     ///< what was stored does not verify: go back to an earlier version
  exhausted,     ///< memory, disk, descriptors or a limit is used up: free some or ask for less
  disconnected,  ///< the other side is gone: connect again
  unsupported,   ///< not on this machine or in this version: fall back
  bug,           ///< a broken promise of our own: report it
};

std::string_view to_string(ErrorCode code);

/// The one exception that Troupe throws: one line that says what was expected, what came, and where
/// (file, line, column, field or shape).
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error{message}, code_{code} {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

/// What was thrown, in its own words. @param thrown not null.
std::string reason_of(const std::exception_ptr& thrown);
/// Several lines as one: "; " stands for each line end.
std::string one_line(std::string text);

}  // namespace troupe
