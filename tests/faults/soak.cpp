// Random faults in a tree of 200 actors under load, 20 of them in processes, one each 50 ms. At the end all answer
// again, and threads, descriptors, processes and memory are where they were before.
//
//   soak [SECONDS [SEED]]
#include <capnp/message.h>
#include <dirent.h>
#include <malloc.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/error.hpp"
#include "runtime/base/random.hpp"
#include "runtime/cluster/node.hpp"
#include "runtime/cluster/worker_main.hpp"
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

std::size_t entries(const char* folder) {
  std::size_t count = 0;
  DIR* const dir = ::opendir(folder);
  while (dir && ::readdir(dir)) ++count;
  if (dir) ::closedir(dir);
  return count;
}

// Of all threads: workers are children of the launcher's.
std::size_t children() {
  std::size_t count = 0;
  DIR* const dir = ::opendir("/proc/self/task");
  while (const dirent* const task = dir ? ::readdir(dir) : nullptr) {
    std::ifstream of_thread{std::string{"/proc/self/task/"} + task->d_name + "/children"};
    for (std::string pid; of_thread >> pid;) ++count;
  }
  if (dir) ::closedir(dir);
  return count;
}

std::size_t resident_mib() {
  ::malloc_trim(0);
  std::ifstream statm{"/proc/self/statm"};
  std::size_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * 4096 / (1U << 20);
}

#ifdef __SANITIZE_ADDRESS__
constexpr bool judges_memory = false;  // a sanitizer keeps what is freed in quarantine
#else
constexpr bool judges_memory = true;
#endif

struct Use {
  std::size_t threads = entries("/proc/self/task");
  std::size_t descriptors = entries("/proc/self/fd");
  std::size_t processes = children();
  std::size_t memory_mib = resident_mib();
};

void print(const char* when, const Use& use) {
  std::printf("%-8s threads %zu, descriptors %zu, processes %zu, memory %zu MiB\n", when,
              use.threads, use.descriptors, use.processes, use.memory_mib);
}

class Soak {
 public:
  explicit Soak(const Registry& registry) : node_{options(), registry} {
    SupervisorSpec root;
    root.intensity = 1'000'000;
    for (std::size_t g = 0; g < groups; ++g) {
      SupervisorSpec group;
      group.strategy = static_cast<Strategy>(g % 3);
      group.intensity =
          20;  // now and then a group gives up, and its own supervisor starts it again
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
      for (int i = 0; i < 50 && !answered; ++i) {
        node_.wait_until_running(path, 5s);
        answered = node_.ask<wire::Total>(path, total_frame(), 5s).ok();
      }
      if (!answered) paths.push_back(path);
    }
    return paths;
  }

  void storm(std::chrono::seconds length, std::uint64_t seed) {
    std::atomic<bool> ends{false};
    std::vector<std::thread> load;
    for (std::uint32_t t = 0; t < 2; ++t) {
      load.emplace_back([this, &ends, t] {
        for (std::uint32_t i = 0; !ends; ++i) {
          const std::string& path = paths_[(i * 7 + t) % paths_.size()];
          const std::string& other = paths_[(i * 13 + 5) % paths_.size()];
          node_.tell<wire::Add>(path, add_frame(1));
          const Answer answer = node_.ask<wire::Poke>(path, poke_frame("sum", other), 3s);
          answer.ok() ? ++answered_ : ++failed_;
        }
      });
    }
    const auto end = Steady::now() + length;
    auto next = Steady::now();
    for (std::uint32_t n = 0; Steady::now() < end; ++n) {
      inject(philox4x32_10(philox_key(seed), {n, 0, 0, 0}));
      std::this_thread::sleep_until(next += between_faults);
    }
    ends = true;
    for (std::thread& thread : load) thread.join();
    FaultOrder clear;
    clear.kind = FaultOrder::Kind::clear;
    clear.path = "";
    node_.inject(clear);
    std::printf("%zu faults; of the load's requests %zu were answered, %zu failed with a reason\n",
                faults_, answered_.load(), failed_.load());
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

  void inject(const Draw4& draw) {
    const bool at_process = draw[0] % 4 == 0;
    const std::string& path = at_process ? paths_[groups * group_size + draw[1] % processes]
                                         : paths_[draw[1] % (groups * group_size)];
    FaultOrder fault;
    fault.path = path;
    fault.duration = std::chrono::milliseconds{draw[3] % 200};
    try {
      if (at_process && draw[2] % 2 == 0) {
        constexpr int signals[] = {SIGKILL, SIGSEGV, SIGSTOP};
        for (const ProcessRow& row : node_.processes().rows)
          if (row.path == path && row.pid != ::getpid())
            ::kill(static_cast<pid_t>(row.pid), signals[draw[3] % 3]);
      } else {
        fault.kind = static_cast<FaultOrder::Kind>(draw[2] % 6);
        node_.inject(fault);
      }
      ++faults_;
    } catch (const Error&) {  // it does not run at this moment
    }
  }

  Node node_;
  std::vector<std::string> paths_;
  std::size_t faults_ = 0;
  std::atomic<std::size_t> answered_{0}, failed_{0};
};

}  // namespace

int main(int argc, char** argv) {
  Registry registry = test_registry();
  if (const auto worker = worker_main(argc, argv, registry)) return *worker;
  const std::chrono::seconds length{argc > 1 ? std::atoi(argv[1]) : 10};
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  const Use outside;
  int code = 0;
  {
    Soak soak{registry};
    soak.storm(2s, seed + 1000);  // what is made once is made here
    if (!soak.silent().empty()) code = 1;
    const Use before;
    print("before", before);
    soak.storm(length, seed);
    for (const std::string& path : soak.silent())
      std::printf("%s does not answer\n", path.c_str()), code = 1;
    // Threads and processes that are on their way out get their time.
    Use after;
    for (int i = 0;
         i < 100 && (after.threads > before.threads || after.descriptors > before.descriptors ||
                     after.processes > before.processes);
         ++i) {
      std::this_thread::sleep_for(100ms);
      after = Use{};
    }
    print("after", after);
    if (after.threads > before.threads || after.descriptors > before.descriptors ||
        after.processes > before.processes ||
        (judges_memory && after.memory_mib > before.memory_mib + 32))
      code = 1;
    for (const std::string& path : soak.stop())
      std::printf("%s is left over\n", path.c_str()), code = 1;
  }
  Use end;
  for (int i = 0; i < 100 && end.threads > outside.threads;
       ++i) {  // joined is not yet gone from /proc
    std::this_thread::sleep_for(100ms);
    end = Use{};
  }
  print("stopped", end);
  if (end.threads > outside.threads || end.processes > outside.processes ||
      end.descriptors > outside.descriptors)
    code = 1;
  std::puts(code == 0 ? "all came back" : "something was left over");
  return code;
}
