// Serves a model that sums, for clients of other makers: serve_fake [REPLICAS [LISTEN]]. Prints its port; ends with its input.
#include <cstdio>
#include <cstdlib>

#include "tests/actors/deployer/serving_fixture.hpp"

int main(int count, char** arguments) {
  const std::size_t replicas = count > 1 ? std::strtoul(arguments[1], nullptr, 10) : 2;
  troupe::test::ServingFixture serving{
      replicas, [&](troupe::actors::DeployerOptions& options) {
        if (count > 2) options.http.listen = arguments[2];
        if (const char* const delay = std::getenv("SERVE_DELAY_US"))
          options.dispatcher.max_delay = std::chrono::microseconds{std::atoi(delay)};
      }};
  if (const std::string fault = serving.deploy("1", "1"); !fault.empty()) {
    std::fprintf(stderr, "%s\n", fault.c_str());
    return 1;
  }
  std::printf("%u\n", unsigned{serving.report().port});
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return serving.node->stop().empty() ? 0 : 1;
}
