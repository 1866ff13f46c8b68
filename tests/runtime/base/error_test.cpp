#include "runtime/base/error.hpp"

using troupe::Error;
using troupe::ErrorCode;

TEST_CASE("Error: carries what the caller can do and one line of text") {
  const Error error{ErrorCode::corrupted, "weights.safetensors: expected 8 bytes of header, got 3"};
  CHECK(error.code() == ErrorCode::corrupted);
  CHECK(std::string{error.what()} == "weights.safetensors: expected 8 bytes of header, got 3");
  CHECK(to_string(error.code()) == "corrupted");
}

TEST_CASE("reason_of: what was thrown, whatever it is") {
  const Error error{ErrorCode::bad_input, "expected this"};
  CHECK(troupe::reason_of(std::make_exception_ptr(error)) == "expected this");
  CHECK(troupe::reason_of(std::make_exception_ptr(7)) ==
        "it threw something that is no std::exception");
}

TEST_CASE("one_line: line ends become semicolons") {
  CHECK(troupe::one_line("one") == "one");
  CHECK(troupe::one_line("one\ntwo\nthree") == "one; two; three");
}
