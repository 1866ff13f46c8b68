#include "tests/support/liar.hpp"

#include <capnp/message.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "serialization/frame_builder.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/frame.capnp.h"
#include "serialization/schema/tree.capnp.h"
#include "tests/messages.capnp.h"
#include "tests/support/actors.hpp"

namespace troupe::test {

using namespace runtime;
using serialization::make_frame;
using serialization::read_head;

namespace {

Frame frame_of(std::span<const std::byte> head) {
  return serialization::FrameBuilder{{}, head.size()}.seal(head);
}

/// A head whose root is a list.
Frame no_struct() {
  capnp::MallocMessageBuilder message;
  message.getRoot<capnp::AnyPointer>().initAs<capnp::List<std::uint64_t>>(3);
  return frame_of(serialization::flat_message(message));
}

Frame another_type() {
  return make_frame<wire::TensorList>(
      [](wire::TensorList::Builder head) { head.initTensors(2)[1].setName("of no child"); });
}

Frame nested_too_deep() {
  return make_frame<wire::StartChild>([](wire::StartChild::Builder head) {
    auto spec = head.initSpec();
    for (int level = 0; level < 100; ++level) {
      spec.setName("level");
      auto inner = spec.initSupervisor().initChildren(1);
      spec = inner[0];
    }
  });
}

/// Each of many texts is the same long one.
Frame overlapping() {
  constexpr unsigned count = 1000;
  constexpr std::uint64_t length = 10'006;
  capnp::MallocMessageBuilder message{4096};  // words: all in one segment
  auto parameter = message.initRoot<wire::StartChild>().initSpec().initParameters(1);
  auto texts = parameter[0].getValue().initTexts(count);
  texts.set(count - 1, std::string(length, 'x'));
  std::vector<std::byte> bytes = serialization::flat_message(message);
  std::vector<std::uint64_t> words(bytes.size() / 8);
  std::memcpy(words.data(), bytes.data(), bytes.size());
  // The pointer to the text: its length with the zero behind it, in bytes, then the distance.
  constexpr std::uint64_t what = (length + 1) << 3 | 2;
  std::size_t last = 0;
  while (words.at(last) >> 32 != what) ++last;
  const std::uint64_t distance = (words[last] & 0xFFFFFFFF) >> 2;
  for (std::uint64_t back = 1; back < count; ++back)
    words[last - back] = what << 32 | (distance + back) << 2 | 1;
  return frame_of(std::as_bytes(std::span{words}));
}

class Liar final : public Actor {
 public:
  Liar(Context& context, const Parameters&) : context_{context} {}
  void handles(Handlers& on) override {
    on.ask<wire::Poke>([this](const Frame& frame, Reply reply) {
      const auto [what, whom] = PokeOrder{frame};
      if (what == "answer") return reply.answer(no_struct());
      add();
      if (what == "tell") {
        context_.tell<wire::Add>(context_.ref(whom), no_struct());
        add();
        return reply.answer(frame);
      }
      context_.ask<wire::StartChild>(context_.ref(whom), forged(what), std::chrono::seconds{20},
                                     pass_on(std::move(reply)));
      add();
    });
  }

 private:
  static Frame forged(const std::string& what) {
    if (what == "type") return another_type();
    if (what == "nesting") return nested_too_deep();
    if (what == "traversal") return overlapping();
    throw std::runtime_error{"liar: unknown lie " + what};
  }
  void add() { context_.tell<wire::Add>(context_.ref("/near"), add_frame(1)); }

  Context& context_;
};

class AnswerReader final : public Actor {
 public:
  AnswerReader(Context& context, const Parameters&) : context_{context} {}
  void handles(Handlers& on) override {
    on.ask<wire::Poke>([this](const Frame& frame, Reply reply) {
      const auto [what, whom] = PokeOrder{frame};
      const auto asker = std::make_shared<Reply>(std::move(reply));
      context_.ask<wire::Poke>(
          context_.ref(whom), poke_frame(what), std::chrono::seconds{20}, [asker](const Answer& answer) {
            read_head<wire::Poke>(answer.frame(), [](wire::Poke::Reader poke) { poke.getWhat(); });
            asker->answer(answer.frame());
          });
    });
  }

 private:
  Context& context_;
};

}  // namespace

void add_liar(Registry& registry) {
  registry.add<Liar>("liar", "Sends what is not sound.");
  registry.add<AnswerReader>("reader", "Reads what others answer.");
}

}  // namespace troupe::test
