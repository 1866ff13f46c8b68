#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "runtime/cluster/node.hpp"
#include "tests/messages.capnp.h"
#include "tests/support/actors.hpp"

namespace troupe::test {

/// A node with the tests' actors, some of which may live in processes. Waits are for events, with long deadlines.
struct NodeFixture {
  NodeFixture() {
    registry.allow_isolation();
    runtime::NodeOptions options;
    options.name = "fixture";
    options.threads = 2;
    options.log_descriptor = -1;
    // It stands beside the test program.
    options.worker_program =
        (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "actor_worker").string();
    node = std::make_unique<runtime::Node>(options, registry);
  }

  void start(std::vector<runtime::ChildSpec> children, std::uint32_t intensity = 1000) {
    runtime::SupervisorSpec root;
    root.intensity = intensity;
    root.children = std::move(children);
    node->start(root);
  }

  std::int64_t total(const std::string& path) { return total_of(ask_total(path)); }
  runtime::Answer ask_total(const std::string& path) {
    return node->ask<wire::Total>(path, total_frame(), std::chrono::seconds{20});
  }
  runtime::Answer poke(const std::string& path, const std::string& what,
                       const std::string& whom = "") {
    return node->ask<wire::Poke>(path, poke_frame(what, whom), std::chrono::seconds{20});
  }
  /// Asks when it is there: a restart may be under way. What answers is there for good, but for a race with a
  /// restart that has not begun yet; so it asks again.
  runtime::Answer ask_until_answered(const std::string& path) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    node->wait_until_running(path, std::chrono::seconds{30});
    runtime::Answer answer = ask_total(path);
    while (!answer.ok() && std::chrono::steady_clock::now() < until) {
      node->wait_until_running(path, std::chrono::seconds{30});
      answer = ask_total(path);
    }
    return answer;
  }
  runtime::ProcessRow row(const std::string& path) {
    for (const runtime::ProcessRow& row : node->processes().rows)
      if (row.path == path) return row;
    return {};
  }

  runtime::Registry registry = test_registry();
  std::unique_ptr<runtime::Node> node;
};

inline runtime::ChildSpec isolated(runtime::ChildSpec spec) {
  spec.isolation = runtime::Isolation::process;
  return spec;
}

}  // namespace troupe::test
