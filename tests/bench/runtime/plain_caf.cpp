#include "tests/bench/runtime/plain_caf.hpp"

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/atom.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>

#include <chrono>

namespace troupe::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds timeout{5};

class Counter final : public caf::event_based_actor {
 public:
  using caf::event_based_actor::event_based_actor;
  caf::behavior make_behavior() override {
    return {[this](caf::add_atom, std::uint64_t amount) { total_ += amount; },
            [this](caf::get_atom) { return total_; }};
  }

 private:
  std::uint64_t total_ = 0;
};

class Driver final : public caf::event_based_actor {
 public:
  Driver(caf::actor_config& config, caf::actor counter)
      : caf::event_based_actor{config}, counter_{std::move(counter)} {}
  caf::behavior make_behavior() override {
    return {[this](caf::get_atom, std::uint64_t count) {
              done_ = make_response_promise();
              ask(count);
              return done_;
            },
            [this](caf::put_atom, std::uint64_t count) {
              done_ = make_response_promise();
              for (std::uint64_t i = 0; i < count; ++i)
                send(counter_, caf::add_atom_v, std::uint64_t{1});
              ask(1);
              return done_;
            }};
  }

 private:
  void ask(std::uint64_t left) {
    request(counter_, timeout, caf::get_atom_v).then([this, left](std::uint64_t total) {
      if (left > 1) return ask(left - 1);
      done_.deliver(total);
    });
  }

  caf::actor counter_;
  caf::response_promise done_;
};

template <class Atom>
double timed(Atom atom, std::uint64_t count) {
  caf::actor_system_config config;
  config.set("scheduler.policy", caf::atom("sharing"));
  config.set("scheduler.max-threads", std::size_t{2});
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  const auto counter = system.spawn<Counter>();
  const auto driver = system.spawn<Driver>(counter);
  const auto begin = Clock::now();
  self->request(driver, caf::infinite, atom, count)
      .receive([](std::uint64_t) {}, [](caf::error&) {});
  const double seconds = std::chrono::duration<double>{Clock::now() - begin}.count();
  self->send_exit(driver, caf::exit_reason::kill);
  self->send_exit(counter, caf::exit_reason::kill);
  return seconds;
}

}  // namespace

double plain_requests(std::uint64_t count) {
  return timed(caf::get_atom_v, count);
}
double plain_messages(std::uint64_t count) {
  return timed(caf::put_atom_v, count);
}

}  // namespace troupe::bench
