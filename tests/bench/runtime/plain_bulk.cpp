#include "tests/bench/runtime/plain_bulk.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/atom.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/deserializer.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/scribe.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <caf/serializer.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>

#include "runtime/base/aligned_block.hpp"
#include "tests/bench/runtime/bulk_transfer.hpp"
#include "tests/bench/runtime/forked.hpp"
#include "tests/bench/runtime/rounds.hpp"

namespace troupe::bench {

struct Chunk {
  std::shared_ptr<std::byte> block;
  std::uint64_t size = 0;
};

static caf::error inspect(caf::serializer& out, Chunk& chunk) {
  if (auto error = out(chunk.size)) return error;
  return out.apply_raw(chunk.size, chunk.block.get());
}

static caf::error inspect(caf::deserializer& in, Chunk& chunk) {
  if (auto error = in(chunk.size)) return error;
  chunk.block = aligned_block(chunk.size);
  return in.apply_raw(chunk.size, chunk.block.get());
}

static std::string to_string(const Chunk& chunk) {
  return "chunk of " + std::to_string(chunk.size);
}

namespace {

constexpr std::chrono::seconds timeout{5};
constexpr std::uint16_t no_port = 1;

// As runtime/caf/caf_host.cpp sets it up.
class Config final : public caf::actor_system_config {
 public:
  Config() {
    add_message_type<Chunk>("bench.Chunk");
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", std::size_t{2});
    set("middleman.workers", std::size_t{0});
    load<caf::io::middleman>();
  }
};

caf::io::scribe_ptr scribe_of(caf::actor_system& system, int socket) {
  caf::io::network::nonblocking(socket, true);
  return static_cast<caf::io::network::default_multiplexer&>(system.middleman().backend())
      .new_scribe(socket);
}

caf::actor basp_of(caf::actor_system& system) {
  return system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
}

class Answers final : public caf::event_based_actor {
 public:
  using caf::event_based_actor::event_based_actor;
  caf::behavior make_behavior() override {
    return {[](caf::get_atom) { return std::uint64_t{1}; }};
  }
};

// Touches chunks, and tells their source by a quarter of the window how much it has consumed.
class Sink final : public caf::event_based_actor {
 public:
  using caf::event_based_actor::event_based_actor;
  caf::behavior make_behavior() override {
    return {[this](const Chunk& chunk) {
              consumed_ += touch({chunk.block.get(), chunk.size}) * 64;
              if (consumed_ % (bulk_window / 4) == 0)
                send(caf::actor_cast<caf::actor>(current_sender()), caf::ok_atom_v, consumed_);
            },
            [this](caf::get_atom) { return caf::actor{spawn<Answers>()}; }};
  }

 private:
  std::uint64_t consumed_ = 0;
};

class Source final : public caf::event_based_actor {
 public:
  Source(caf::actor_config& config, caf::actor sink)
      : caf::event_based_actor{config}, sink_{std::move(sink)} {
    chunk_.block = aligned_block(bulk_item);
    chunk_.size = bulk_item;
    std::fill_n(chunk_.block.get(), bulk_item, std::byte{1});
  }
  caf::behavior make_behavior() override {
    return {[this](caf::put_atom, std::uint64_t bytes) {
              done_ = make_response_promise();
              until_ = sent_ + bytes;
              fill();
              return done_;
            },
            [this](caf::ok_atom, std::uint64_t consumed) {
              consumed_ = consumed;
              if (consumed_ == until_) return done_.deliver(consumed_);
              fill();
            }};
  }

 private:
  void fill() {
    for (; sent_ < until_ && sent_ < consumed_ + bulk_window; sent_ += chunk_.size)
      send(sink_, chunk_);
  }

  caf::actor sink_;
  Chunk chunk_;
  caf::response_promise done_;
  std::uint64_t sent_ = 0, consumed_ = 0, until_ = 0;
};

class Prober final : public caf::event_based_actor {
 public:
  Prober(caf::actor_config& config, caf::actor whom, std::vector<double>* request_ms)
      : caf::event_based_actor{config}, whom_{std::move(whom)}, request_ms_{request_ms} {}
  caf::behavior make_behavior() override {
    return {[this](caf::put_atom) {
              wanted_ = true;
              ask();
            },
            [this](caf::get_atom) {
              wanted_ = false;
              stopped_ = make_response_promise();
              return stopped_;
            }};
  }

 private:
  void ask() {
    const auto begin = Steady::now();
    request(whom_, timeout, caf::get_atom_v).then([this, begin](std::uint64_t answer) {
      request_ms_->push_back(seconds_since(begin) * 1e3);
      if (wanted_) return ask();
      stopped_.deliver(answer);
    });
  }

  caf::actor whom_;
  std::vector<double>* request_ms_;
  bool wanted_ = false;
  caf::response_promise stopped_;
};

// Until it is killed.
void serve(int socket) {
  Config config;
  caf::actor_system system{config};
  const caf::actor sink = system.spawn<Sink>();
  caf::anon_send(basp_of(system), caf::publish_atom_v, scribe_of(system, socket), no_port,
                 caf::actor_cast<caf::strong_actor_ptr>(sink), std::set<std::string>{});
  for (;;) ::pause();
}

}  // namespace

struct PlainBulk::State {
  Config config;
  caf::actor_system system{config};
  caf::actor sink, source, prober;
};

PlainBulk::PlainBulk() {
  std::tie(receiver_, socket_) = fork_with_socket(serve);
}

PlainBulk::~PlainBulk() {
  if (state_) {
    caf::anon_send_exit(state_->source, caf::exit_reason::kill);
    caf::anon_send_exit(state_->prober, caf::exit_reason::kill);
  }
  state_.reset();
  ::kill(receiver_, SIGKILL);
  ::waitpid(receiver_, nullptr, 0);
}

void PlainBulk::join() {
  state_ = std::make_unique<State>();
  State& state = *state_;
  caf::scoped_actor self{state.system};
  const auto failed = [](caf::error&) { throw std::runtime_error{"plain CAF: not joined"}; };
  self->request(basp_of(state.system), timeout, caf::connect_atom_v,
                scribe_of(state.system, socket_), no_port)
      .receive([&](caf::node_id&, caf::strong_actor_ptr& peer,
                   std::set<std::string>&) { state.sink = caf::actor_cast<caf::actor>(peer); },
               failed);
  caf::actor answers;
  self->request(state.sink, timeout, caf::get_atom_v)
      .receive([&](caf::actor& actor) { answers = actor; }, failed);
  state.source = state.system.spawn<Source>(state.sink);
  state.prober = state.system.spawn<Prober>(answers, &request_ms_);
}

double PlainBulk::transfer(std::uint64_t bytes) {
  if (!state_) join();
  caf::scoped_actor self{state_->system};
  const auto failed = [](caf::error&) { throw std::runtime_error{"plain CAF: not transferred"}; };
  self->send(state_->prober, caf::put_atom_v);
  const auto begin = Steady::now();
  self->request(state_->source, std::chrono::seconds{60}, caf::put_atom_v, bytes)
      .receive([](std::uint64_t) {}, failed);
  const double seconds = seconds_since(begin);
  self->request(state_->prober, timeout, caf::get_atom_v).receive([](std::uint64_t) {}, failed);
  return seconds;
}

}  // namespace troupe::bench
