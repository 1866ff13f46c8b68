#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/supervision/child_launcher.hpp"
#include "runtime/supervision/child_spec.hpp"
#include "runtime/supervision/supervision.hpp"

namespace troupe::runtime {

/// A supervisor as an actor: hears what becomes of its children by their names, asks Supervision what to
/// do, and has the launcher do it. It is up when its children are. When it dies without having stopped
/// them, they are ended hard.
class Supervisor final : public Actor {
 public:
  Supervisor(Context& context, const SupervisorSpec& spec);
  ~Supervisor() override;

  void handles(Handlers& on) override;
  bool stopping() override;

 private:
  void carry_out();
  void start(const SupervisionAction& action);
  void hear(const std::string& child, const Change& change);
  void show();
  void set_timer();

  Context& context_;
  ChildLauncher& launcher_;
  const std::string path_;
  const std::shared_ptr<const ChildSpec> replica_;  // of a group
  Supervision supervision_;
  std::map<std::string, std::uint64_t> watches_;
  std::map<std::string, std::uint64_t> living_;  // what to end when this dies
  std::set<std::string> shown_;                  // by their last status
  std::uint64_t timer_ = 0;
  std::optional<TimePoint> timer_due_;
};

}  // namespace troupe::runtime
