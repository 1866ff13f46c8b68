#include "tests/bench/runtime/healing.hpp"

#include <capnp/message.h>
#include <signal.h>

#include <chrono>
#include <cstdint>

#include "tests/bench/runtime/rounds.hpp"
#include "tests/messages.capnp.h"
#include "tests/support/actors.hpp"

namespace troupe::bench {

using namespace runtime;
using namespace std::chrono_literals;
using test::total_frame;

std::vector<ChildSpec> healing_children() {
  ChildSpec far = test::child("far");
  far.isolation = Isolation::process;
  return {test::child("near"), far};
}

std::vector<double> heal_from_exceptions(Node& node, int times) {
  std::vector<double> ms;
  for (int i = 0; i < times; ++i) {
    const auto begin = Steady::now();
    node.tell<wire::Poke>("/near", test::poke_frame("throw"));
    while (!node.ask<wire::Total>("/near", total_frame(), 5s).ok())
      node.wait_until_running("/near", 5s);
    ms.push_back(seconds_since(begin) * 1e3);
  }
  return ms;
}

std::vector<double> heal_from_kills(Node& node, int times) {
  std::vector<double> ms;
  for (int i = 0; i < times; ++i) {
    pid_t pid = 0;
    for (const ProcessRow& row : node.processes().rows)
      if (row.path == "/far") pid = static_cast<pid_t>(row.pid);
    const std::uint64_t before =
        test::incarnation_of(node.ask<wire::Total>("/far", total_frame(), 5s));
    const auto begin = Steady::now();
    ::kill(pid, SIGKILL);
    for (;;) {
      const Answer answer = node.ask<wire::Total>("/far", total_frame(), 5s);
      if (answer.ok() && test::incarnation_of(answer) > before) break;
      node.wait_until_running("/far", 5s);
    }
    ms.push_back(seconds_since(begin) * 1e3);
  }
  return ms;
}

}  // namespace troupe::bench
