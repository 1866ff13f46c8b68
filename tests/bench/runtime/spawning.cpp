#include "tests/bench/runtime/spawning.hpp"

#include <chrono>
#include <string>
#include <vector>

#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/cluster/node.hpp"
#include "runtime/cluster/node_core.hpp"
#include "tests/bench/runtime/rounds.hpp"
#include "tests/support/actors.hpp"

namespace troupe::bench {
namespace {

using namespace runtime;

class Brief final : public Actor {
 public:
  Brief(Context& context, std::latch& ended) : context_{context}, ended_{ended} {}
  ~Brief() override { ended_.count_down(); }
  void handles(Handlers&) override { context_.end(); }

 private:
  Context& context_;
  std::latch& ended_;
};

std::vector<std::string> names_of(const std::string& prefix, std::uint64_t count) {
  std::vector<std::string> names;
  for (std::uint64_t i = 0; i < count; ++i) names.push_back(prefix + std::to_string(i));
  return names;
}

}  // namespace

Spawning::Spawning(Registry& registry) {
  registry.add(ActorType{"brief", "Ends at once.", {}, [this](Context& context, const Parameters&) {
                           return std::make_unique<Brief>(context, *ended_);
                         }});
}

double Spawning::bare(const Registry& registry, std::uint64_t count) {
  const SteadyClock clock;
  NodeCoreOptions options;
  options.host.threads = 2;
  options.host.joins = false;
  NodeCore core{registry, clock, options};
  const ChildSpec spec = test::child("brief", "brief", Restart::temporary);
  const std::vector<std::string> paths = names_of("/", count);
  for (const std::string& path : paths) core.names().intern(path);

  ended_ = std::make_unique<std::latch>(static_cast<std::ptrdiff_t>(count));
  const auto begin = Steady::now();
  for (const std::string& path : paths) core.start(spec, path, core.new_incarnation());
  ended_->wait();
  const double seconds = seconds_since(begin);
  core.shut_down(std::chrono::seconds{5});
  return seconds;
}

double Spawning::children(Node& node, std::uint64_t count) {
  std::vector<ChildSpec> specs;
  for (const std::string& name : names_of("brief", count))
    specs.push_back(test::child(name, "brief", Restart::temporary));
  ended_ = std::make_unique<std::latch>(static_cast<std::ptrdiff_t>(count));
  const auto begin = Steady::now();
  for (const ChildSpec& spec : specs) node.start_child("/", spec);
  ended_->wait();
  return seconds_since(begin);
}

}  // namespace troupe::bench
