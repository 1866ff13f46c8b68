// An application with an actor of its own in a tree from YAML. Built by what pkg-config says of troupe-runtime:
//   capnp compile -oc++ greeting.capnp
//   c++ embed.cpp greeting.capnp.c++ -o embed $(pkg-config --cflags --libs troupe-runtime capnp)
#include <capnp/message.h>

#include <cstdio>

#include "greeting.capnp.h"
#include "runtime/actor/actor.hpp"
#include "runtime/cluster/node.hpp"
#include "runtime/cluster/worker_main.hpp"
#include "runtime/config/config.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"

using namespace troupe::runtime;
using namespace troupe::serialization;
using namespace std::chrono_literals;

struct Greeter final : Actor {
  Greeter(Context&, const Parameters& with) : word{with.text("word")} {}
  void handles(Handlers& on) override {
    on.ask<embed::Greet>([this](const Frame& question, Reply reply) {
      std::string text = word + ", ";
      read_head<embed::Greet>(question, [&](embed::Greet::Reader greet) { text += greet.getWhom().cStr(); });
      ++times;
      reply.answer(make_frame<embed::Greeting>([&](auto head) { head.setText(text), head.setTimes(times); }));
    });
  }
  std::string word;
  unsigned times = 0;
};

unsigned greet(Node& node, const char* path) {
  node.wait_until_running(path, 5s);
  const Answer answer =
      node.ask<embed::Greet>(path, make_frame<embed::Greet>([](auto head) { head.setWhom("world"); }), 5s);
  unsigned times = 0;
  read_head<embed::Greeting>(answer.frame(), [&](embed::Greeting::Reader greeting) {
    std::printf("%s: %s (%u)\n", path, greeting.getText().cStr(), times = greeting.getTimes());
  });
  return times;
}

int main(int argc, char** argv) {
  Registry registry;
  registry.add<Greeter>("greeter", "Greets.", {{"word", ParameterType::text, "What it begins with."}});
  if (const auto worker = worker_main(argc, argv, registry)) return *worker;
  const ConfigResult config = read_config_file(argc > 1 ? argv[1] : "embed.yaml", registry, {});
  for (const Problem& problem : config.problems) std::puts(to_string(problem).c_str());
  if (!config.problems.empty()) return 2;
  Node node{{.name = config.config.name}, registry};
  node.start(config.config.root);
  bool healed = greet(node, "/near") == 1 && greet(node, "/far") == 1 && greet(node, "/far") == 2;
  for (const char* path : {"/near", "/far"}) node.inject({.path = path});  // ended hard; the tree heals
  healed = greet(node, "/near") == 1 && greet(node, "/far") == 1 && healed;
  return node.stop().empty() && healed ? 0 : 1;
}
