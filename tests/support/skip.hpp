#pragma once

#include <string>

namespace troupe::test {

/// Ends a test case that cannot run on this machine; the program then exits with 77 (skipped) unless
/// another case failed, and prints the reason. Return from the test case after the call.
void skip(const std::string& reason);

}  // namespace troupe::test
