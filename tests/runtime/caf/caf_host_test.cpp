#include "runtime/actor/host.hpp"

#include <chrono>

using namespace troupe;
using namespace troupe::runtime;
using namespace std::chrono_literals;

TEST_CASE("Host: its identity is random, so that two containers never share one") {
  HostOptions options;
  options.threads = 1;
  const auto a = make_caf_host(options);
  const auto b = make_caf_host(options);
  // CAF's own differs within a process by the last byte of 20 only; digits beyond it are the process number.
  const std::string left = a->identity().substr(0, 38);
  const std::string right = b->identity().substr(0, 38);
  CHECK(left.size() == 38);
  CHECK(left != right);
  CHECK(a->stop(10s));
  CHECK(b->stop(10s));
}

TEST_CASE("Host: one that joins nobody starts and stops too") {
  HostOptions options;
  options.threads = 1;
  options.joins = false;
  const auto host = make_caf_host(options);
  CHECK(host->identity().empty());
  CHECK(host->running().empty());
  CHECK(host->stop(10s));
}
