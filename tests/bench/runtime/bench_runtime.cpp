// What the runtime costs beside plain CAF, what of a socket's speed a transfer between processes
// reaches, and how fast a tree heals. All sides in one run, their rounds alternating; medians.
//   taskset -c 0,1 build/tests/bench/bench_runtime [messages | spawning | bulk | healing]
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <vector>

#include "runtime/cluster/node.hpp"
#include "runtime/cluster/worker_main.hpp"
#include "tests/bench/runtime/bulk_transfer.hpp"
#include "tests/bench/runtime/healing.hpp"
#include "tests/bench/runtime/plain_bulk.hpp"
#include "tests/bench/runtime/plain_caf.hpp"
#include "tests/bench/runtime/raw_socket.hpp"
#include "tests/bench/runtime/requests.hpp"
#include "tests/bench/runtime/rounds.hpp"
#include "tests/bench/runtime/spawning.hpp"
#include "tests/support/actors.hpp"

using namespace troupe;
using namespace troupe::bench;

namespace {

constexpr int rounds = 7;

void compare_messages(runtime::Node& node) {
  constexpr std::uint64_t count = 100'000, at_once = 64, told = 300'000;
  Pair one, many, tells;
  for (int i = 0; i < rounds; ++i) {
    one.ours.push_back(requests(node, count, 1));
    one.plain.push_back(plain_requests(count, 1));
    many.ours.push_back(requests(node, count, at_once));
    many.plain.push_back(plain_requests(count, at_once));
    tells.ours.push_back(messages(node, told));
    tells.plain.push_back(plain_messages(told));
  }
  one.print("requests/s, one at a time", count / 1e6, "M");
  many.print("requests/s, 64 in flight", count / 1e6, "M");
  tells.print("messages/s, one way", told / 1e6, "M");
}

void compare_spawning(runtime::Node& node, const runtime::Registry& registry, Spawning& spawning) {
  constexpr std::uint64_t bare = 20'000, children = 2'000;
  Pair by_host, by_supervisor;
  for (int i = 0; i < rounds; ++i) {
    by_host.ours.push_back(spawning.bare(registry, bare));
    by_host.plain.push_back(plain_spawn(bare));
    by_supervisor.ours.push_back(spawning.children(node, children));
    by_supervisor.plain.push_back(plain_children(children));
  }
  by_host.print("actors/s, spawned and ended", bare / 1e3, "k");
  by_supervisor.print("children/s, asked for one by one", children / 1e3, "k");
}

void compare_bulk(runtime::Node& node, BulkTransfer& bulk, RawSocket& raw, PlainBulk& plain) {
  constexpr std::uint64_t bytes = std::uint64_t{1} << 30;
  Pair transfers;
  std::vector<double> raws;
  for (int i = 0; i < rounds; ++i) {
    raws.push_back(raw.transfer(bytes));
    transfers.ours.push_back(bulk.transfer(node, bytes));
    transfers.plain.push_back(plain.transfer(bytes));
  }
  transfers.print("1 GiB to another process, GB/s", bytes / 1e9, " ");
  std::printf("%-34s %8.2f   %8.2f   of %.2f GB/s (goal 0.55)\n", "  as a share of a raw socket",
              median(raws) / median(transfers.ours), median(raws) / median(transfers.plain),
              bytes / 1e9 / median(raws));
  const auto meanwhile = [](const char* who, const std::vector<double>& ms) {
    std::printf("  a request meanwhile, %-11s p50 %.2f ms, p99 %.2f ms of %zu (goal p99 < 5 ms)\n",
                who, quantile(ms, 0.5), quantile(ms, 0.99), ms.size());
  };
  meanwhile("troupe", bulk.request_ms());
  meanwhile("plain CAF", plain.request_ms());
}

void measure_healing(runtime::Node& node) {
  const std::vector<double> near_ms = heal_from_exceptions(node, 200);
  const std::vector<double> far_ms = heal_from_kills(node, 50);
  std::printf("%-34s p50 %.3f ms, p99 %.3f ms (goal p50 < 1 ms)\n",
              "exception -> replacement answers", quantile(near_ms, 0.5), quantile(near_ms, 0.99));
  std::printf("%-34s p50 %.2f ms, p99 %.2f ms (goal p50 < 20 ms)\n",
              "SIGKILL -> replacement answers", quantile(far_ms, 0.5), quantile(far_ms, 0.99));
}

}  // namespace

int main(int argc, char** argv) {
  runtime::Registry registry = test::test_registry();
  add_request_types(registry);
  BulkTransfer bulk{registry};
  Spawning spawning{registry};
  if (const auto worker = runtime::worker_main(argc, argv, registry)) return *worker;
  RawSocket raw;  // these two fork, so before any thread
  PlainBulk plain_bulk;

  runtime::NodeOptions options;
  options.threads = 2;
  options.log_descriptor = -1;
  runtime::Node node{options, registry};
  runtime::SupervisorSpec root;
  root.intensity = 1'000'000;
  for (const auto& children : {request_children(), bulk.children(), healing_children()})
    root.children.insert(root.children.end(), children.begin(), children.end());
  node.start(root);

  const std::string_view only = argc > 1 ? argv[1] : "";
  const auto wanted = [only](std::string_view part) { return only.empty() || only == part; };
  std::printf("%-34s %10s %10s %8s\n", "", "troupe", "plain CAF", "ratio");
  if (wanted("messages")) compare_messages(node);
  if (wanted("spawning")) compare_spawning(node, registry, spawning);
  if (wanted("bulk")) compare_bulk(node, bulk, raw, plain_bulk);
  if (wanted("healing")) measure_healing(node);
  return node.stop().empty() ? 0 : 1;
}
