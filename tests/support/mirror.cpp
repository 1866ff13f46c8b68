#include "tests/support/mirror.hpp"

#include "runtime/actor/actor.hpp"
#include "tests/every_schema.hpp"

namespace troupe::test {

using namespace runtime;

namespace {

class Mirror final : public Actor {
 public:
  Mirror(Context&, const Parameters&) {}
  void handles(Handlers& on) override { hear(on, wire::EverySchema{}); }

 private:
  template <class... T>
  static void hear(Handlers& on, wire::Types<T...>) {
    (on.ask<T>([](const Frame& frame, Reply reply) { reply.answer(frame); }), ...);
  }
};

}  // namespace

void add_mirror(Registry& registry) {
  registry.add<Mirror>("mirror", "Answers with what it was asked, of any schema.");
}

}  // namespace troupe::test
