#include "actors/loader/loader.hpp"

#include <capnp/message.h>

#include <algorithm>

#include "actors/loader/batch_maker.hpp"
#include "actors/loader/loader_messages.hpp"
#include "actors/loader/preparation.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/base/error.hpp"
#include "runtime/testing/test_node.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/data.capnp.h"
#include "serialization/schema/training.capnp.h"
#include "tests/actors/loader/support.hpp"
#include "tests/support/doctest_std.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::runtime;
using namespace troupe::test;

namespace {

/// Answers LoadShard with how many loaders have told it that they are there.
class Coordinator final : public Actor {
 public:
  Coordinator(Context&, const Parameters&) {}
  void handles(Handlers& on) override {
    on.tell<wire::Here>([this](const Frame& frame) {
      serialization::read_head<wire::Here>(frame, [this](wire::Here::Reader head) {
        if (head.getRole() == "loader" && head.getPath() == "/told") ++ready_;
      });
    });
    on.ask<wire::LoadShard>([this](const Frame&, Reply reply) {
      reply.answer(load_shard_frame({0, ready_}));
    });
  }

 private:
  std::uint64_t ready_ = 0;
};

Registry loader_registry() {
  Registry registry;
  add_loader_types(registry);
  registry.add<Coordinator>("coordinator", "Counts loaders.");
  return registry;
}

struct Fixture {
  Fixture() {
    SupervisorSpec root;
    root.children = {{"coordinator", "coordinator"},
                     loader("a"),
                     loader("liar", "swap:10"),
                     loader("told", "", "/coordinator")};
    node.start(root);
  }
  static ChildSpec loader(const std::string& name, const std::string& corrupt = "",
                          const std::string& coordinator = "") {
    return {name, "loader",
            Parameters{{{"coordinator", coordinator},
                        {"corrupt", corrupt},
                        {"deadline", Duration{std::chrono::minutes{1}}},
                        {"queue", std::int64_t{4}}}}};
  }
  template <class T>
  Answer ask(const char* path, const Frame& question) {
    const auto answer = node.ask<T>(path, question);
    REQUIRE(answer);
    return *answer;
  }

  CsvCase from{many_records(50)};
  PreprocessSpec spec =
      from.preprocess(R"({"split": {"validation": 0}, "transforms": [{"scale": {"factor": 2}}]})");
  std::string folder = prepare(posix_files(), from.data, spec, 5, from.folder.path() + "/prepared");
  Frame open = to_frame(OpenDataQuestion{folder, spec.json, 5});
  Registry registry = loader_registry();
  TestNode node{registry};
};

}  // namespace

TEST_CASE_FIXTURE(
    Fixture, "a loader answers with the inputs of positions and the digest of what it delivers") {
  const Answer opened = ask<wire::OpenData>("/a", open);
  REQUIRE(opened.ok());
  const PreparedData data = PreparedData::open(posix_files(), folder);
  CHECK(read_opened_data(opened.frame()).fingerprint == data.fingerprint());
  CHECK(read_opened_data(opened.frame()).samples == data.size(Split::train));
  const Answer loaded = ask<wire::LoadShard>("/a", load_shard_frame({8, 16}));
  REQUIRE(loaded.ok());
  BatchMaker maker{data, spec, 5};
  std::vector<float> features(8 * 3);
  std::vector<std::int32_t> labels(8);
  const std::array<std::byte*, 2> inputs{reinterpret_cast<std::byte*>(features.data()),
                                         reinterpret_cast<std::byte*>(labels.data())};
  const LoadedShard shard = read_loaded_shard(loaded.frame());
  CHECK(shard.digest == maker.fill({8, 16}, inputs));
  CHECK(shard.positions == PositionRange{8, 16});
  CHECK(std::ranges::equal(loaded.frame().payload_of<float>(0), features));
  CHECK(std::ranges::equal(loaded.frame().payload_of<std::int32_t>(1), labels));
}

TEST_CASE_FIXTURE(Fixture, "an audit finds a loader that delivers wrong records by its digest") {
  REQUIRE(ask<wire::OpenData>("/liar", open).ok());
  const PreparedData data = PreparedData::open(posix_files(), folder);
  const BatchMaker audit{data, spec, 5};
  const auto digest = [&](PositionRange positions) {
    return read_loaded_shard(ask<wire::LoadShard>("/liar", load_shard_frame(positions)).frame())
        .digest;
  };
  CHECK(digest({0, 8}) == audit.digest({0, 8}));
  CHECK(digest({8, 16}) != audit.digest({8, 16}));
}

TEST_CASE_FIXTURE(Fixture, "a loader refuses what it cannot do with the reason, and goes on") {
  const std::uint64_t incarnation = node.incarnation("/a");
  const auto refused = [&](const Answer& answer) {
    return !answer.ok() && answer.failure().kind == FailureKind::refused &&
           !answer.failure().text.empty();
  };
  CHECK(refused(ask<wire::LoadShard>("/a", load_shard_frame({0, 8}))));
  CHECK(refused(ask<wire::OpenData>("/a", to_frame(OpenDataQuestion{folder + "x", spec.json, 5}))));
  CHECK(refused(ask<wire::OpenData>("/a", to_frame(OpenDataQuestion{folder, "{\"x\": 1}", 5}))));
  CHECK(refused(ask<wire::OpenData>("/a", Frame{})));
  CHECK(refused(ask<wire::PreparePart>(
      "/a", to_frame(PreparePartQuestion{
                SectionTexts::of(from.data, spec), {true, 9}, from.folder.path(), {}}))));
  REQUIRE(ask<wire::OpenData>("/a", open).ok());
  CHECK(refused(ask<wire::LoadShard>("/a", load_shard_frame({0, 0xFFFFFFFF}))));
  CHECK(ask<wire::LoadShard>("/a", load_shard_frame({0, 8})).ok());
  CHECK(node.incarnation("/a") == incarnation);
}

TEST_CASE_FIXTURE(Fixture,
                  "a loader tells its coordinator that it has started, each time that it does") {
  const auto told = [&] {
    return read_load_shard(ask<wire::LoadShard>("/coordinator", load_shard_frame({0, 0})).frame())
        .count();
  };
  CHECK(told() == 1);
  node.kill("/told");
  node.run();
  node.advance(std::chrono::seconds{1});
  CHECK(told() == 2);
}
