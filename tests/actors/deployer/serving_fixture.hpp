#pragma once

#include <capnp/message.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/deployer/deployer.hpp"
#include "actors/deployer/deployer_options.hpp"
#include "actors/deployer/serving_messages.hpp"
#include "runtime/actor/faults.hpp"
#include "runtime/cluster/node.hpp"
#include "runtime/registry.hpp"
#include "serialization/schema/serving.capnp.h"
#include "tests/actors/deployer/fake_servable.hpp"

namespace troupe::test {

/// Remembers what was predicted; "7" is every prediction's label, once.
class FakeSink final : public actors::FeedbackSink {
 public:
  void record(std::vector<actors::PredictionRecord> predictions) override {
    for (auto& one : predictions) known_.emplace(one.id, false);
  }
  void feedback(actors::Feedback feedback, Done done) override {
    const auto at = known_.find(feedback.id);
    if (at == known_.end()) return done(actors::FeedbackResult::unknown, "");
    if (feedback.label != "7") return done(actors::FeedbackResult::invalid, "expected 7");
    done(std::exchange(at->second, true) ? actors::FeedbackResult::repeated
                                         : actors::FeedbackResult::ok,
         "");
  }

 private:
  std::map<std::string, bool> known_;
};

/// A node with the tree /replicas/0 …, /front that serves FakeServables.
struct ServingFixture {
  explicit ServingFixture(std::size_t replicas = 2,
                          std::function<void(actors::DeployerOptions&)> change = {}) {
    actors::DeployerOptions options;
    options.model = "fake";
    options.replicas = "/replicas";
    options.feedback = "/feedback";
    options.http.listen = "127.0.0.1:0";
    options.dispatcher.timeout = std::chrono::seconds{20};
    if (change) change(options);
    actors::add_deployer_types(registry, load_fake, [](runtime::Context&, const std::string&) {
      return std::make_unique<FakeSink>();
    });
    runtime::NodeOptions node_options;
    node_options.name = "serving";
    node_options.threads = 2;
    node_options.log_descriptor = -1;
    node = std::make_unique<runtime::Node>(node_options, registry);
    runtime::ChildSpec front;
    front.name = "front";
    front.type = "deployer";
    front.parameters = actors::to_parameters(options);
    runtime::ChildSpec replica;
    replica.type = "replica";
    replica.parameters = runtime::Parameters{{{"deployer", std::string{"/front"}}}};
    runtime::SupervisorSpec group;
    group.intensity = 100'000;
    group.replica = std::make_shared<const runtime::ChildSpec>(replica);
    for (std::size_t i = 0; i < replicas; ++i) {
      replica.name = std::to_string(i);
      group.children.push_back(replica);
    }
    runtime::ChildSpec replicas_spec;
    replicas_spec.name = "replicas";
    replicas_spec.supervisor = std::make_shared<const runtime::SupervisorSpec>(group);
    runtime::SupervisorSpec root;
    root.intensity = 100'000;
    root.children = {replicas_spec, front};  // it ends before them
    node->start(root);
    wait_until([&](const actors::DeployerReportMessage& now) { return now.replicas == replicas; });
  }

  actors::DeployerReportMessage report() {
    node->wait_until_running("/front", std::chrono::seconds{20});
    return actors::read_report(
        node->ask<wire::DeployerStatus>("/front", runtime::Frame{}, std::chrono::seconds{20})
            .frame());
  }
  /// Asks until it is so; it becomes so without anything else.
  void wait_until(const std::function<bool(const actors::DeployerReportMessage&)>& so) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (!so(report()))
      if (std::chrono::steady_clock::now() > until)
        throw std::runtime_error{"it did not become so"};
  }
  /// What is wrong; "" if it is served.
  std::string deploy(const std::string& version, const std::string& folder) {
    const runtime::Answer answer = node->ask<wire::Deploy>(
        "/front", actors::deploy_frame({version, folder}), std::chrono::seconds{60});
    return answer.ok() ? "" : answer.failure().text;
  }
  std::string roll_back() {
    const runtime::Answer answer =
        node->ask<wire::RollBack>("/front", runtime::Frame{}, std::chrono::seconds{60});
    return answer.ok() ? "" : answer.failure().text;
  }
  void kill(const std::string& path) {
    runtime::FaultOrder order;
    order.path = path;
    node->inject(order);
  }

  runtime::Registry registry;
  std::unique_ptr<runtime::Node> node;
};

}  // namespace troupe::test
