#include "runtime/control/protocol.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"

namespace troupe::runtime {
namespace {

using nlohmann::json;

/// Valid JSON has raw line ends between its tokens only, where a space serves as well.
std::string wrap(std::string_view key, std::string_view value) {
  std::string line = "{\"";
  line.append(key).append("\":").append(value).append("}");
  std::ranges::replace(line, '\n', ' ');
  std::ranges::replace(line, '\r', ' ');
  return line + "\n";
}

json parse(std::string_view line) {
  return json::parse(line.begin(), line.end(), nullptr, false);  // false: no exceptions
}

}  // namespace

std::string command_of(std::string_view line) {
  const json request = parse(line);
  const auto fail = [](const std::string& got) -> std::string {
    throw Error{ErrorCode::bad_input,
                "request: expected a JSON object with a \"command\" on one line, got " + got};
  };
  if (request.is_discarded()) return fail("something that is not JSON");
  if (!request.is_object()) return fail(std::string{"a JSON "} + request.type_name());
  const auto command = request.find("command");
  if (command == request.end()) return fail("an object without one");
  if (!command->is_string())
    return fail(std::string{"a command that is a "} + command->type_name());
  return command->get<std::string>();
}

std::string ok_line(std::string_view json) {
  return wrap("ok", json);
}
std::string stream_line(std::string_view json) {
  return wrap("line", json);
}
std::string end_line() {
  return wrap("end", "true");
}

std::string error_line(std::string_view text) {
  return wrap("error", json(text).dump(-1, ' ', false, json::error_handler_t::replace));
}

AnswerLine read_answer(std::string_view line) {
  using Kind = AnswerLine::Kind;
  const json answer = parse(line);
  if (answer.is_object() && answer.size() == 1) {
    const std::string& key = answer.begin().key();
    const json& value = answer.begin().value();
    if (key == "ok") return {Kind::ok, value.dump()};
    if (key == "line") return {Kind::line, value.dump()};
    if (key == "end" && value == true) return {Kind::end, {}};
    if (key == "error" && value.is_string()) return {Kind::error, value.get<std::string>()};
  }
  throw Error{ErrorCode::corrupted,
              "answer: expected a JSON object with \"ok\", \"line\", \"end\" or \"error\" on one "
              "line, got " +
                  std::to_string(line.size()) + " bytes of something else"};
}

}  // namespace troupe::runtime
