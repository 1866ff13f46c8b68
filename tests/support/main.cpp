// The main of every test program: like doctest's own, but a filter that matches no case is a failure,
// and a case that called skip() makes the run a skip (exit code 77) and not a pass.
#define DOCTEST_CONFIG_IMPLEMENT
#include "tests/support/doctest_std.hpp"

#include <cstdio>

#include "tests/support/sanitizers.hpp"
#include "tests/support/skip.hpp"

namespace {
int skips = 0;
int cases_run = 0;

struct CaseCounter final : doctest::IReporter {
  explicit CaseCounter(const doctest::ContextOptions&) {}
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats& stats) override {
    cases_run = static_cast<int>(stats.numTestCasesPassingFilters);
  }
  void test_case_start(const doctest::TestCaseData&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};
REGISTER_LISTENER("case_counter", 1, CaseCounter);
}  // namespace

void troupe::test::skip(const std::string& reason) {
  ++skips;
  std::printf("SKIPPED: %s\n", reason.c_str());
}

int main(int argc, char** argv) {
  doctest::Context context{argc, argv};
  const int failed = context.run();
  if (context.shouldExit()) return failed;
  if (cases_run == 0) {
    std::fputs("no test case matches the filter\n", stderr);
    return 1;
  }
  if (failed != 0) return failed;
  return skips > 0 ? 77 : 0;
}
