#pragma once

#include <string>
#include <string_view>

// What is said over a control socket: one JSON object a line, UTF-8.
//
//     request     {"command": "ps", …}
//     answer      {"ok": VALUE}, or {"error": "one line"}
//     a stream    {"line": VALUE} any number of times, then {"end": true} or {"error": "one line"}
//
// A connection may ask again once it has been answered.
namespace troupe::runtime {

/// The command that a request names. @throws Error bad_input if `line` is no such request.
std::string command_of(std::string_view line);

/// Lines with their line end. `json` is one JSON value; line ends between its tokens become spaces.
std::string ok_line(std::string_view json);
std::string stream_line(std::string_view json);
std::string end_line();
/// `text` may hold anything.
std::string error_line(std::string_view text);

struct AnswerLine {
  enum class Kind { ok, line, end, error };
  Kind kind;
  std::string text;  ///< the value's JSON, or the error's text
};

/// @throws Error corrupted if `line` is no line of an answer.
AnswerLine read_answer(std::string_view line);

}  // namespace troupe::runtime
