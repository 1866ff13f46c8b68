// A plugin with the type "relay", which stands between a loader and those who train: it asks the loader for each shard, and
// hands on what it answers, or that with every feature negated.
#include <capnp/message.h>

#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/plugin.hpp"
#include "runtime/registry.hpp"
#include "serialization/frame_builder.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/schema/data.capnp.h"

namespace {

using namespace troupe::runtime;
using namespace troupe::serialization;
namespace wire = troupe::wire;

class Relay final : public Actor {
 public:
  Relay(Context& context, const Parameters& with)
      : context_{context},
        negate_{with.boolean("negate")},
        source_{context.ref(with.text("source"))} {}

  void handles(Handlers& on) override {
    on.ask<wire::LoadShard>([this](const Frame& question, Reply reply) {
      const auto asker = std::make_shared<Reply>(std::move(reply));
      context_.ask<wire::LoadShard>(
          source_, question, std::chrono::seconds{10}, [this, asker](const Answer& answer) {
            if (!answer.ok()) return asker->refuse(answer.failure().text);
            asker->answer(negate_ ? negated(answer.frame()) : answer.frame());
          });
    });
  }

 private:
  static Frame negated(const Frame& shard) {
    FrameBuilder builder{
        std::array<std::size_t, 2>{shard.payload(0).size(), shard.payload(1).size()}};
    const auto features = shard.payload_of<float>(0);
    for (std::size_t i = 0; i < features.size(); ++i) {
      const float value = -features[i];
      std::memcpy(builder.payload(0).data() + i * sizeof value, &value, sizeof value);
    }
    std::memcpy(builder.payload(1).data(), shard.payload(1).data(), shard.payload(1).size());
    capnp::MallocMessageBuilder message;
    read_head<wire::LoadedShard>(shard,
                                 [&](wire::LoadedShard::Reader head) { message.setRoot(head); });
    return seal(builder, message);
  }

  Context& context_;
  const bool negate_;
  const Ref source_;
};

void add_relay(Registry& registry) {
  ParameterSchema negate{"negate", ParameterType::boolean, "Whether features change their sign."};
  negate.default_value = ParameterValue{false};
  registry.add<Relay>("relay", "Hands shards on.",
                      {{"source", ParameterType::path, "The loader."}, negate});
}

}  // namespace

TROUPE_PLUGIN(add_relay)
