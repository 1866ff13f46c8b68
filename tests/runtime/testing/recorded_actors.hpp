#pragma once

#include <capnp/message.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/registry.hpp"
#include "serialization/frame_reader.hpp"
#include "tests/messages.capnp.h"
#include "tests/support/actors.hpp"

namespace troupe::test {

/// The same on every platform, unlike the standard distributions.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_{seed} {}
  /// 0 … sides - 1
  std::size_t roll(std::size_t sides) { return engine_() % sides; }
  bool chance(std::size_t percent) { return roll(100) < percent; }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[roll(from.size())];
  }

 private:
  std::mt19937_64 engine_;
};

/// The seeds to try: `count` of them, or the one that TROUPE_SEED names.
inline std::vector<std::uint64_t> seeds(std::uint64_t count) {
  if (const char* const one = std::getenv("TROUPE_SEED")) return {std::strtoull(one, nullptr, 10)};
  std::vector<std::uint64_t> all(count);
  for (std::uint64_t k = 0; k < count; ++k) all[k] = k + 1;
  return all;
}

/// What the actors of recorded_registry() saw, kept beside the runtime, which knows nothing of it.
struct Record {
  using Lives = std::vector<std::pair<std::string, std::uint64_t>>;
  Lives born, died;  // made and destroyed, in order
  std::map<std::string, std::uint64_t> newest;
  std::map<std::string, std::uint64_t> killed;  // by the test: up to this one
  std::map<std::string, std::set<std::uint64_t>> alive;
  std::uint64_t heard = 0;  // by sinks
  std::vector<std::string> violations;
  std::size_t refusals = 0;  // percent of "flaky" that are not made
  Dice dice{0};

  void violated(std::string what) { violations.push_back(std::move(what)); }

  void birth(const std::string& path, std::uint64_t incarnation) {
    std::uint64_t& last = newest[path];
    if (incarnation <= last)
      violated(path + ": incarnation " + std::to_string(incarnation) + " came after " +
               std::to_string(last));
    last = incarnation;
    alive[path].insert(incarnation);
    born.emplace_back(path, incarnation);
  }
  void death(const std::string& path, std::uint64_t incarnation) {
    alive[path].erase(incarnation);
    died.emplace_back(path, incarnation);
  }
  void hear(const std::string& path, std::uint64_t incarnation) {
    ++heard;
    if (path.empty()) violated("a sink was not told who sent what it heard");
    if (incarnation < newest[path] || incarnation <= killed[path])
      violated("a sink heard " + path + " of incarnation " + std::to_string(incarnation) +
               ", when " + std::to_string(newest[path]) + " had begun and " +
               std::to_string(killed[path]) + " was killed");
  }
};

/// Answers Total with its incarnation, does what Poke says: throw, end, keep (the reply), report (Total to
/// `whom`), ask (`whom` for its Total).
class Recorded : public runtime::Actor {
 public:
  Recorded(runtime::Context& context, Record& record, std::string kind)
      : context_{context}, record_{record}, kind_{std::move(kind)} {
    if (kind_ == "flaky" && record_.dice.chance(record_.refusals))
      throw std::runtime_error{"not this time"};
    if (kind_ == "late") {
      context_.not_ready_yet();
      context_.after(std::chrono::milliseconds{50}, [this] { context_.ready(); });
    }
    record_.birth(context_.path(), context_.incarnation());
  }
  ~Recorded() override { record_.death(context_.path(), context_.incarnation()); }

  bool stopping() override {
    if (kind_ == "slow") context_.after(std::chrono::milliseconds{30}, [this] { context_.end(); });
    return kind_ != "slow" && kind_ != "stubborn";
  }

  void handles(runtime::Handlers& on) override {
    on.ask<wire::Total>([this](const runtime::Frame&, runtime::Reply reply) {
      reply.answer(total_frame(0, context_.incarnation()));
    });
    on.tell<wire::Total>([this](const runtime::Frame& frame) {
      serialization::read_head<wire::Total>(frame, [&](wire::Total::Reader head) {
        record_.hear(context_.sender().path(), head.getIncarnation());
      });
    });
    on.tell<wire::Poke>([this](const runtime::Frame& frame) { poke(frame, {}); });
    on.ask<wire::Poke>([this](const runtime::Frame& frame, runtime::Reply reply) {
      poke(frame, std::move(reply));
    });
  }

 private:
  void poke(const runtime::Frame& frame, runtime::Reply reply) {
    const auto [what, whom] = PokeOrder{frame};
    if (what == "throw") throw std::runtime_error{"poked"};
    if (what == "end") return context_.end();
    if (what == "keep") return kept_.add(std::move(reply));
    if (what == "report")
      context_.tell<wire::Total>(context_.ref(whom), total_frame(0, context_.incarnation()));
    if (what == "ask")
      context_.ask<wire::Total>(context_.ref(whom), total_frame(), std::chrono::seconds{2},
                                pass_on(std::move(reply)));
  }

  runtime::Context& context_;
  Record& record_;
  const std::string kind_;
  runtime::Waiters kept_;
};

/// "plain"; "late": ready 50 ms later; "slow": ends 30 ms after it was asked; "stubborn": never; "flaky": is not
/// made now and then.
inline runtime::Registry recorded_registry(Record& record) {
  runtime::Registry registry;
  for (const char* const kind : {"plain", "late", "slow", "stubborn", "flaky"})
    registry.add(runtime::ActorType{
        kind, "Records its life.", {}, [&record, kind](runtime::Context& context, const auto&) {
          return std::make_unique<Recorded>(context, record, kind);
        }});
  return registry;
}

/// A tree of up to `depth` supervisors one below the other, each with up to five children of these types.
inline runtime::SupervisorSpec random_tree(Dice& dice, const std::vector<std::string>& types,
                                           std::size_t depth) {
  using std::chrono::milliseconds;
  runtime::SupervisorSpec spec;
  spec.strategy = static_cast<runtime::Strategy>(dice.roll(3));
  spec.intensity = static_cast<std::uint32_t>(dice.roll(5));
  spec.period = std::chrono::seconds{dice.roll(3) * 5};
  spec.backoff.first = milliseconds{dice.chance(50) ? 0 : 10};
  spec.backoff.limit = milliseconds{200};
  spec.backoff.factor = 1.0 + static_cast<double>(dice.roll(3));
  spec.backoff.jitter = static_cast<double>(dice.roll(3)) / 2.0;
  const std::size_t children = dice.roll(5) + (depth == 3 ? 1 : 0);
  const bool numbered = dice.chance(25);
  for (std::size_t k = 0; k < children; ++k) {
    runtime::ChildSpec child;
    child.name = numbered ? std::to_string(k) : std::string(1, static_cast<char>('a' + k));
    child.restart = static_cast<runtime::Restart>(std::max<std::size_t>(dice.roll(5), 2) - 2);
    child.stop_within = milliseconds{100};
    child.start_within = std::chrono::seconds{20};
    if (depth > 1 && dice.chance(40)) {
      child.supervisor =
          std::make_shared<runtime::SupervisorSpec>(random_tree(dice, types, depth - 1));
    } else {
      child.type = dice.pick(types);
    }
    if (numbered) spec.replica = std::make_shared<const runtime::ChildSpec>(child);
    spec.children.push_back(std::move(child));
  }
  return spec;
}

/// One line a child, for whoever replays a seed.
inline std::string text(const runtime::SupervisorSpec& spec, const std::string& indent = "\n  ") {
  std::string all = indent + std::string{to_string(spec.strategy)} + ", " +
                    std::to_string(spec.intensity) + " in " +
                    std::to_string(spec.period / std::chrono::seconds{1}) + " s";
  for (const runtime::ChildSpec& child : spec.children) {
    all += indent + child.name + ": " + std::string{to_string(child.restart)} + " " + child.type;
    if (child.supervisor) all += text(*child.supervisor, indent + "  ");
  }
  return all;
}

}  // namespace troupe::test
