#include "tests/bench/runtime/plain_caf.hpp"

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/atom.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>

#include <chrono>
#include <cstddef>
#include <latch>

#include "tests/bench/runtime/rounds.hpp"

namespace troupe::bench {
namespace {

constexpr std::chrono::seconds timeout{5};

class Config final : public caf::actor_system_config {
 public:
  Config() {
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", std::size_t{2});
  }
};

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
    return {[this](caf::get_atom, std::uint64_t count, std::uint64_t in_flight) {
              done_ = make_response_promise();
              left_ = open_ = count;
              for (; in_flight > 0; --in_flight) ask();
              return done_;
            },
            [this](caf::put_atom, std::uint64_t count, std::uint64_t) {
              done_ = make_response_promise();
              for (std::uint64_t i = 0; i < count; ++i)
                send(counter_, caf::add_atom_v, std::uint64_t{1});
              left_ = open_ = 1;
              ask();
              return done_;
            }};
  }

 private:
  void ask() {
    if (left_ == 0) return;
    --left_;
    request(counter_, timeout, caf::get_atom_v).then([this](std::uint64_t total) {
      if (--open_ > 0) return ask();
      done_.deliver(total);
    });
  }

  caf::actor counter_;
  std::uint64_t left_ = 0;  // to be asked
  std::uint64_t open_ = 0;  // to be answered
  caf::response_promise done_;
};

class Brief final : public caf::event_based_actor {
 public:
  Brief(caf::actor_config& config, std::latch* ended)
      : caf::event_based_actor{config}, ended_{ended} {}
  caf::behavior make_behavior() override {
    quit();
    return {};
  }
  void on_exit() override { ended_->count_down(); }

 private:
  std::latch* ended_;
};

class Spawner final : public caf::event_based_actor {
 public:
  Spawner(caf::actor_config& config, std::latch* ended)
      : caf::event_based_actor{config}, ended_{ended} {}
  caf::behavior make_behavior() override {
    set_down_handler([](const caf::down_msg&) {});
    return {[this](caf::put_atom) {
      spawn<Brief, caf::monitored>(ended_);
      return caf::ok_atom_v;
    }};
  }

 private:
  std::latch* ended_;
};

template <class Atom>
double timed(Atom atom, std::uint64_t count, std::uint64_t in_flight) {
  Config config;
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  const auto counter = system.spawn<Counter>();
  const auto driver = system.spawn<Driver>(counter);
  double seconds = 0;
  for (int warm = 0; warm < 2; ++warm) {  // the first time is a new system's
    const auto begin = Steady::now();
    self->request(driver, caf::infinite, atom, count, in_flight)
        .receive([](std::uint64_t) {}, [](caf::error&) {});
    seconds = seconds_since(begin);
  }
  self->send_exit(driver, caf::exit_reason::kill);
  self->send_exit(counter, caf::exit_reason::kill);
  return seconds;
}

}  // namespace

double plain_requests(std::uint64_t count, std::uint64_t in_flight) {
  return timed(caf::get_atom_v, count, in_flight);
}
double plain_messages(std::uint64_t count) {
  return timed(caf::put_atom_v, count, 1);
}

double plain_spawn(std::uint64_t count) {
  Config config;
  caf::actor_system system{config};
  std::latch ended{static_cast<std::ptrdiff_t>(count)};
  const auto begin = Steady::now();
  for (std::uint64_t i = 0; i < count; ++i) system.spawn<Brief>(&ended);
  ended.wait();
  return seconds_since(begin);
}

double plain_children(std::uint64_t count) {
  std::latch ended{static_cast<std::ptrdiff_t>(count)};
  Config config;
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  const auto spawner = system.spawn<Spawner>(&ended);
  const auto begin = Steady::now();
  for (std::uint64_t i = 0; i < count; ++i)
    self->request(spawner, timeout, caf::put_atom_v)
        .receive([](caf::ok_atom) {}, [](caf::error&) {});
  ended.wait();
  const double seconds = seconds_since(begin);
  self->send_exit(spawner, caf::exit_reason::kill);
  return seconds;
}

}  // namespace troupe::bench
