#include "runtime/base/error.hpp"

using troupe::Error;
using troupe::ErrorCode;

TEST_CASE("Error: carries what the caller can do and one line of text") {
  const Error error{ErrorCode::corrupted, "weights.safetensors: expected 8 bytes of header, got 3"};
  CHECK(error.code() == ErrorCode::corrupted);
  CHECK(std::string{error.what()} == "weights.safetensors: expected 8 bytes of header, got 3");
  CHECK(to_string(error.code()) == "corrupted");
}
