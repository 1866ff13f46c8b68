#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/supervision/supervision.hpp"

namespace troupe::runtime::test {

inline ChildSpec child(std::string name, Restart restart = Restart::permanent) {
  ChildSpec spec;
  spec.name = std::move(name);
  spec.restart = restart;
  return spec;
}

/// Without jitter or backoff.
inline SupervisorSpec supervisor(Strategy strategy, std::vector<ChildSpec> children,
                                 std::uint32_t intensity = 3) {
  SupervisorSpec spec;
  spec.strategy = strategy;
  spec.intensity = intensity;
  spec.backoff.jitter = 0;
  spec.children = std::move(children);
  return spec;
}

/// A Supervision played by hand, on virtual time. Each step gives what is then to be done, as
/// "stop c#3, start a#4" (child#incarnation; incarnations count from 1).
class Played {
 public:
  explicit Played(SupervisorSpec spec, std::uint64_t seed = 0)
      : supervision{std::move(spec), [this] { return ++incarnations_; }, seed} {}

  std::string start() { return supervision.start(now), actions(); }
  /// Of the child's current incarnation.
  std::string up(std::string_view name) {
    return supervision.started(name, status(name).incarnation, now), actions();
  }
  std::string end(std::string_view name, ExitKind kind, const std::string& reason = "why") {
    return supervision.ended(name, status(name).incarnation, {kind, reason}, now), actions();
  }
  std::string stop() { return supervision.stop({ExitKind::shutdown, "asked"}, now), actions(); }
  std::string after(Duration wait) { return now += wait, supervision.tick(now), actions(); }
  std::string add(ChildSpec spec) { return supervision.add_child(std::move(spec), now), actions(); }
  std::string remove(std::string_view name) {
    return supervision.remove_child(name, now), actions();
  }
  std::string scale(std::size_t count, const ChildSpec& replica = child("replica")) {
    return supervision.scale(count, replica, now), actions();
  }
  /// Starts, and has each child up at once.
  Played& all_up() {
    start();
    for (bool again = true; again;) {
      again = false;
      for (const ChildStatus& one : supervision.children())
        if (one.state == ChildState::starting) {
          up(one.name);
          again = true;
        }
    }
    return *this;
  }

  std::string actions() {
    using Kind = SupervisionAction::Kind;
    std::string all;
    for (const SupervisionAction& action : supervision.take_actions()) {
      all += all.empty() ? "" : ", ";
      const std::string whom = " " + action.child + "#" + std::to_string(action.incarnation);
      switch (action.kind) {
        case Kind::start:
          all += "start" + whom;
          break;
        case Kind::stop:
          all += "stop" + whom;
          break;
        case Kind::kill:
          all += "kill" + whom;
          break;
        case Kind::started:
          all += "started";
          break;
        case Kind::finish:
          all += "finish " + std::string{to_string(action.exit.kind)} + ": " + action.exit.reason;
      }
    }
    return all;
  }
  ChildStatus status(std::string_view name) const {
    for (const ChildStatus& one : supervision.children())
      if (one.name == name) return one;
    return {};
  }
  /// "a running, b waiting"
  std::string states() const {
    std::string all;
    for (const ChildStatus& one : supervision.children())
      all += (all.empty() ? "" : ", ") + one.name + " " + std::string{to_string(one.state)};
    return all;
  }

 private:
  std::uint64_t incarnations_ = 0;

 public:
  TimePoint now = TimePoint{} + std::chrono::hours{1};
  Supervision supervision;
};

}  // namespace troupe::runtime::test
