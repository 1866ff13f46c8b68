// What the runtime costs beside plain CAF, and how fast a tree heals. Both sides in one run, alternating; medians.
//   taskset -c 0,1 build/tests/bench/bench_runtime
#include <capnp/message.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/cluster/node.hpp"
#include "runtime/cluster/worker_main.hpp"
#include "tests/bench/runtime/plain_caf.hpp"
#include "tests/messages.capnp.h"
#include "tests/support/actors.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

using Steady = std::chrono::steady_clock;

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

// Asks the counter Total.value times, or tells it as often and asks once.
class Driver final : public Actor {
 public:
  Driver(Context& context, const Parameters&)
      : context_{context}, counter_{context.ref("counter")} {}
  void handles(Handlers& on) override {
    on.ask<wire::Total>([this](const Frame& frame, Reply reply) {
      done_ = std::move(reply);
      ask(static_cast<std::uint64_t>(total_of(Answer{frame})));
    });
    on.ask<wire::Add>([this](const Frame&, Reply reply) {
      done_ = std::move(reply);
      for (std::uint64_t i = 0; i < messages; ++i) context_.tell<wire::Add>(counter_, one_);
      ask(1);
    });
  }
  static inline std::uint64_t messages = 0;

 private:
  void ask(std::uint64_t left) {
    context_.ask<wire::Total>(counter_, question_, 5s, [this, left](const Answer& answer) {
      if (left > 1) return ask(left - 1);
      done_.answer(answer.frame());
    });
  }

  Context& context_;
  const Ref counter_;
  const Frame question_ = total_frame();
  const Frame one_ = add_frame(1);
  Reply done_;
};

// Hears the same and touches no frame, so that messages are compared and not their contents.
class Sink final : public Actor {
 public:
  Sink(Context&, const Parameters&) {}
  void handles(Handlers& on) override {
    on.tell<wire::Add>([this](const Frame&) { ++total_; });
    on.ask<wire::Total>([this](const Frame&, Reply reply) { reply.answer(answer_); });
  }

 private:
  const Frame answer_ = total_frame();
  std::uint64_t total_ = 0;
};

double seconds_since(Steady::time_point begin) {
  return std::chrono::duration<double>{Steady::now() - begin}.count();
}

}  // namespace

int main(int argc, char** argv) {
  Registry registry = test_registry();
  registry.add<Driver>("driver", "Drives.");
  registry.add<Sink>("quiet", "Counts.");
  if (const auto worker = worker_main(argc, argv, registry)) return *worker;

  NodeOptions options;
  options.threads = 2;
  options.log_descriptor = -1;
  Node node{options, registry};
  SupervisorSpec root;
  root.intensity = 1'000'000;
  ChildSpec far = child("far");
  far.isolation = Isolation::process;
  root.children = {child("counter", "quiet"), child("driver", "driver"), child("near"), far};
  node.start(root);

  constexpr int rounds = 7;
  constexpr std::uint64_t requests = 100'000;
  constexpr std::uint64_t messages = 300'000;
  Driver::messages = messages;
  std::vector<double> ours, plain, ours_tell, plain_tell;
  for (int i = 0; i < rounds; ++i) {
    auto begin = Steady::now();
    node.ask<wire::Total>("/driver", total_frame(requests), 60s).frame();
    ours.push_back(seconds_since(begin));
    plain.push_back(bench::plain_requests(requests));
    begin = Steady::now();
    node.ask<wire::Add>("/driver", add_frame(1), 60s).frame();
    ours_tell.push_back(seconds_since(begin));
    plain_tell.push_back(bench::plain_messages(messages));
  }
  const auto rate = [](std::uint64_t count, double seconds) {
    return static_cast<double>(count) / seconds / 1e6;
  };
  std::printf("%-34s %10s %10s %8s\n", "", "troupe", "plain CAF", "ratio");
  std::printf("%-34s %8.3f M %8.3f M %8.2f\n", "requests/s, one at a time",
              rate(requests, median(ours)), rate(requests, median(plain)),
              median(plain) / median(ours));
  std::printf("%-34s %8.3f M %8.3f M %8.2f\n", "messages/s, one way",
              rate(messages, median(ours_tell)), rate(messages, median(plain_tell)),
              median(plain_tell) / median(ours_tell));

  std::vector<double> near_ms, far_ms;
  for (int i = 0; i < 200; ++i) {
    const auto begin = Steady::now();
    node.tell<wire::Poke>("/near", poke_frame("throw"));
    // The first answer by the next incarnation.
    while (!node.ask<wire::Total>("/near", total_frame(), 5s).ok())
      node.wait_until_running("/near", 5s);
    near_ms.push_back(seconds_since(begin) * 1e3);
  }
  for (int i = 0; i < 50; ++i) {
    pid_t pid = 0;
    for (const ProcessRow& row : node.processes().rows)
      if (row.path == "/far") pid = static_cast<pid_t>(row.pid);
    const std::uint64_t before = incarnation_of(node.ask<wire::Total>("/far", total_frame(), 5s));
    const auto begin = Steady::now();
    ::kill(pid, SIGKILL);
    for (;;) {
      const Answer answer = node.ask<wire::Total>("/far", total_frame(), 5s);
      if (answer.ok() && incarnation_of(answer) > before) break;
      node.wait_until_running("/far", 5s);
    }
    far_ms.push_back(seconds_since(begin) * 1e3);
  }
  std::printf("%-34s p50 %.3f ms, p99 %.3f ms (goal p50 < 1 ms)\n",
              "exception -> replacement answers", quantile(near_ms, 0.5), quantile(near_ms, 0.99));
  std::printf("%-34s p50 %.2f ms, p99 %.2f ms (goal p50 < 20 ms)\n",
              "SIGKILL -> replacement answers", quantile(far_ms, 0.5), quantile(far_ms, 0.99));
  return node.stop().empty() ? 0 : 1;
}
