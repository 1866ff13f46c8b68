// Random faults in a tree of 200 actors under load, 20 of them in processes, one fault each 50 ms. No message takes
// effect twice or out of order, no effect of an old incarnation counts (request_ledger.hpp), the tree goes on working, and
// at the end all answer again, and threads, descriptors, processes and memory are where they were before.
//
//   soak [SECONDS [SEED]]
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/error.hpp"
#include "runtime/base/random.hpp"
#include "runtime/cluster/node.hpp"
#include "runtime/cluster/worker_main.hpp"
#include "tests/faults/request_ledger.hpp"
#include "tests/faults/resources.hpp"
#include "tests/messages.capnp.h"
#include "tests/support/actors.hpp"
#include "tests/support/sanitizers.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

using Steady = std::chrono::steady_clock;
constexpr auto between_faults = 50ms;
constexpr std::size_t groups = 10, group_size = 18, processes = 20;
constexpr std::size_t askers = 2;

#ifdef __SANITIZE_ADDRESS__
constexpr bool judges_memory = false;  // a sanitizer keeps what is freed in quarantine
#else
constexpr bool judges_memory = true;
#endif

/// Says what is wrong, once a line, and remembers that something is.
class Verdict {
 public:
  void expect(bool holds, const std::string& otherwise) {
    if (holds) return;
    std::printf("FAILED: %s\n", otherwise.c_str());
    failed_ = true;
  }
  bool failed() const { return failed_; }

 private:
  bool failed_ = false;
};

struct StormCounts {
  std::uint64_t faults = 0;
  std::uint64_t refused = 0;  ///< faults for whom did not run at that moment; another was hit
  std::uint64_t starts = 0;   ///< of actors, meanwhile
  std::uint64_t ok = 0;
  std::array<std::uint64_t, 5> failed{};

  std::uint64_t all_failed() const {
    std::uint64_t all = 0;
    for (const std::uint64_t count : failed) all += count;
    return all;
  }
};

class Soak {
 public:
  explicit Soak(const Registry& registry) : node_{options(), registry} {
    SupervisorSpec root;
    root.intensity = 1'000'000;
    for (std::size_t g = 0; g < groups; ++g) {
      SupervisorSpec group;
      group.strategy = static_cast<Strategy>(g % 3);
      group.intensity = 20;  // now and then a group gives up, and the root starts it again
      group.period = 2s;
      for (std::size_t i = 0; i < group_size; ++i)
        group.children.push_back(child("c" + std::to_string(i)));
      ChildSpec spec;
      spec.name = "g" + std::to_string(g);
      spec.supervisor = std::make_shared<const SupervisorSpec>(group);
      for (const ChildSpec& c : group.children) paths_.push_back("/" + spec.name + "/" + c.name);
      root.children.push_back(spec);
    }
    for (std::size_t p = 0; p < processes; ++p) {
      ChildSpec spec = child("p" + std::to_string(p));
      spec.isolation = Isolation::process;
      paths_.push_back("/" + spec.name);
      root.children.push_back(spec);
    }
    node_.start(root);
  }

  /// Everything answers. @return who does not.
  std::vector<std::string> silent() {
    std::vector<std::string> paths;
    for (const std::string& path : paths_) {
      bool answered = false;
      // By time, not by tries: what was asked of a process that is dying fails at once, until it is reaped.
      for (const auto until = Steady::now() + 60s; !answered && Steady::now() < until;) {
        node_.wait_until_running(path, 5s);
        answered = node_.ask<wire::Total>(path, total_frame(), 5s).ok();
      }
      if (!answered) paths.push_back(path);
    }
    return paths;
  }

  /// Faults and load for so long. What the askers found out of order goes to the verdict.
  StormCounts storm(std::chrono::seconds length, std::uint64_t seed, Verdict& verdict) {
    StormCounts counts;
    counts.starts = newest_incarnation();
    std::atomic<bool> ends{false};
    for (RequestLedger& ledger : ledgers_) ledger.begin_counting();
    std::vector<std::thread> load;
    for (std::size_t t = 0; t < askers; ++t)
      load.emplace_back([this, &ends, t] { ask(t, ledgers_[t], ends); });
    const auto end = Steady::now() + length;
    auto next = Steady::now();
    for (std::uint32_t tick = 0; Steady::now() < end; ++tick) {
      constexpr std::uint32_t tries = 16;
      for (std::uint32_t i = 0; i < tries; ++i) {
        if (inject(philox4x32_10(philox_key(seed), {tick, i, 0, 0}))) {
          ++counts.faults;
          break;
        }
        ++counts.refused;
      }
      std::this_thread::sleep_until(next += between_faults);
    }
    ends = true;
    for (std::thread& thread : load) thread.join();
    FaultOrder clear;
    clear.kind = FaultOrder::Kind::clear;
    node_.inject(clear);
    counts.starts = newest_incarnation() - counts.starts;
    for (const RequestLedger& ledger : ledgers_) {
      counts.ok += ledger.ok();
      for (std::size_t kind = 0; kind < counts.failed.size(); ++kind)
        counts.failed[kind] += ledger.failed()[kind];
      for (const std::string& violation : ledger.violations()) verdict.expect(false, violation);
      for (const auto& [path, entry] : ledger.entries())
        verdict.expect(entry.answers > 0, path + " answered nothing while there were faults");
    }
    return counts;
  }

  std::vector<std::string> stop() { return node_.stop(); }

 private:
  static NodeOptions options() {
    NodeOptions options;
    options.name = "soak";
    options.threads = 2;
    options.log_descriptor = -1;
    return options;
  }

  // One asker adds to every `askers`th actor, and has them ask any other.
  void ask(std::size_t first, RequestLedger& ledger, const std::atomic<bool>& ends) {
    for (std::size_t i = 0; !ends; ++i) {
      const std::string& path = paths_[(i * 14 + first) % paths_.size()];
      const std::string& other = paths_[(i * 13 + 5) % paths_.size()];
      ledger.sent(path);
      node_.tell<wire::Add>(path, add_frame(1));
      ledger.sent(path);
      const Answer answer = node_.ask<wire::Add>(path, add_frame(1), 3s);
      ledger.answered(path, answer, duplicates_);
      ledger.count(node_.ask<wire::Poke>(path, poke_frame("sum", other), 3s));
    }
  }

  std::uint64_t newest_incarnation() const {
    std::uint64_t newest = 0;
    for (const ProcessRow& row : node_.processes().rows) newest = std::max(newest, row.incarnation);
    return newest;
  }

  // False: whom it would hit does not run at this moment.
  bool inject(const Draw4& draw) {
    const bool at_process = draw[0] % 4 == 0;
    const std::string& path = at_process ? paths_[groups * group_size + draw[1] % processes]
                                         : paths_[draw[1] % (groups * group_size)];
    if (at_process && draw[2] % 2 == 0) {
      constexpr int signals[] = {SIGKILL, SIGSEGV, SIGSTOP};
      for (const ProcessRow& row : node_.processes().rows)
        if (row.path == path && row.pid != 0 && row.pid != ::getpid())
          return ::kill(static_cast<pid_t>(row.pid), signals[draw[3] % 3]) == 0;
      return false;
    }
    FaultOrder fault;
    fault.path = path;
    fault.duration = std::chrono::milliseconds{draw[3] % 200};
    fault.kind = static_cast<FaultOrder::Kind>(draw[2] % 6);
    if (fault.kind == FaultOrder::Kind::duplicate) ++duplicates_;
    try {
      node_.inject(fault);
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  Node node_;
  std::vector<std::string> paths_;
  std::atomic<std::int64_t> duplicates_{0};
  std::array<RequestLedger, askers> ledgers_;
};

void judge(const StormCounts& counts, std::chrono::seconds length, Verdict& verdict) {
  std::printf(
      "%lu faults (%lu more hit nobody), %lu starts; of %lu requests %lu failed: %lu past their "
      "deadline, "
      "%lu to nobody, %lu at an end, %lu refused, %lu dropped\n",
      counts.faults, counts.refused, counts.starts, counts.ok + counts.all_failed(),
      counts.all_failed(), counts.failed[0], counts.failed[1], counts.failed[2], counts.failed[3],
      counts.failed[4]);
  const auto ticks = static_cast<std::uint64_t>(length / between_faults);
  verdict.expect(counts.faults >= ticks * 9 / 10, "fewer faults than one each 50 ms");
  verdict.expect(counts.starts >= counts.faults / 4, "too few restarts for so many faults");
  // An asker has one request open, which one more may wait for; the next ones find the tree healing.
  verdict.expect(counts.all_failed() <= counts.faults * 4,
                 "more requests failed than faults explain");
  verdict.expect(counts.ok >= counts.faults, "fewer requests were answered than there were faults");
}

// Threads and processes that are on their way out get their time: joined is not yet gone from /proc.
Resources settled(const Resources& bound) {
  Resources now = Resources::now();
  for (int i = 0; i < 100 && now.more_than(bound); ++i) {
    std::this_thread::sleep_for(100ms);
    now = Resources::now();
  }
  return now;
}

}  // namespace

int main(int argc, char** argv) {
  Registry registry = test_registry();
  if (const auto worker = worker_main(argc, argv, registry)) return *worker;
  const std::chrono::seconds length{argc > 1 ? std::atoi(argv[1]) : 10};
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  const Resources outside = Resources::now();
  Verdict verdict;
  {
    Soak soak{registry};
    soak.storm(2s, seed + 1000, verdict);  // what is made once is made here
    for (const std::string& path : soak.silent()) verdict.expect(false, path + " does not answer");
    const Resources before = Resources::now();
    before.print("before");
    judge(soak.storm(length, seed, verdict), length, verdict);
    for (const std::string& path : soak.silent()) verdict.expect(false, path + " does not answer");
    const Resources after = settled(before);
    after.print("after");
    verdict.expect(!after.more_than(before), "something is left over of the faults");
    verdict.expect(
        !judges_memory || (after.memory_mib <= before.memory_mib + 16 &&
                           after.workers_memory_mib <= before.workers_memory_mib + 2 * processes),
        "memory grew");
    for (const std::string& path : soak.stop()) verdict.expect(false, path + " is left over");
  }
  const Resources end = settled(outside);
  end.print("stopped");
  verdict.expect(!end.more_than(outside), "something is left over of the node");
  std::puts(verdict.failed() ? "something is wrong" : "all came back");
  return verdict.failed() ? 1 : 0;
}
