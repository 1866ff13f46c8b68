#pragma once

#include "runtime/base/error.hpp"
#include "tests/support/doctest_std.hpp"

namespace troupe::test {

/// The code of the Error that `action` throws; the test case fails if it throws none.
template <class Action>
ErrorCode code_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  FAIL("no Error was thrown");
  return ErrorCode::bug;
}

}  // namespace troupe::test
