#include "actors/coordinator/serving.hpp"

#include <capnp/message.h>

#include <array>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <span>

#include "actors/coordinator/publisher.hpp"
#include "actors/coordinator/version_list.hpp"
#include "actors/deployer/rollout.hpp"
#include "actors/deployer/serving_messages.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/control/command.hpp"
#include "runtime/registry.hpp"
#include "runtime/testing/test_node.hpp"
#include "serialization/checkpoint.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/schema/serving.capnp.h"
#include "serialization/schema/training.capnp.h"
#include "tests/support/temporary_folder.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

/// What a deployer is asked and says, outside of the actor, which may be killed.
struct Front {
  Rollout rollout;
  unsigned replicas = 1;
  unsigned refuse = 0;  // the next so many orders
  std::string address = "http://here";
  int deploys = 0, rollbacks = 0;
  std::vector<std::string> told;  // to the observer
};

class FakeDeployer final : public Actor {
 public:
  explicit FakeDeployer(Front& front) : front_{front} {}

  void handles(Handlers& on) override {
    on.ask<wire::DeployerStatus>([this](const Frame&, Reply reply) {
      DeployerReportMessage report;
      report.model = "fake";
      report.address = front_.address;
      report.replicas = report.ready = front_.replicas;
      if (front_.rollout.current()) report.version = front_.rollout.current()->version;
      if (front_.rollout.previous()) report.previous = front_.rollout.previous()->version;
      reply.answer(report_frame(report));
    });
    on.ask<wire::Deploy>([this](const Frame& frame, Reply reply) {
      ++front_.deploys;
      take(read_deploy(frame), std::move(reply));
    });
    on.ask<wire::RollBack>([this](const Frame&, Reply reply) {
      ++front_.rollbacks;
      take(*front_.rollout.previous(), std::move(reply));
    });
  }

 private:
  void take(const DeployedVersion& version, Reply reply) {
    if (front_.refuse > 0) {
      --front_.refuse;
      return reply.refuse("not now");
    }
    const std::string before =
        front_.rollout.current() ? front_.rollout.current()->version : std::string{};
    front_.rollout.begin(version);
    front_.rollout.commit();
    front_.rollout.drained(before);
    reply.answer(deployed_frame({version.version, before, front_.replicas}));
  }

  Front& front_;
};

class FakeObserver final : public Actor {
 public:
  explicit FakeObserver(Front& front) : front_{front} {}
  void handles(Handlers& on) override {
    on.tell<wire::JobNews>([this](const Frame& frame) {
      serialization::read_head<wire::JobNews>(frame, [&](wire::JobNews::Reader head) {
        const TimedEvent event = from_json(head.getLine().cStr());
        if (const auto* deployed = std::get_if<Deployed>(&event.event))
          front_.told.push_back(deployed->model + ' ' + std::to_string(deployed->version) + ' ' +
                                deployed->address);
        if (const auto* notice = std::get_if<Notice>(&event.event))
          front_.told.push_back(notice->text);
      });
    });
  }

 private:
  Front& front_;
};

/// A publisher with a deployer that does as a test says.
struct Fixture {
  Fixture() {
    for (const std::uint64_t step : {1, 2, 3}) {
      const std::array<float, 1> weight{static_cast<float>(step)};
      serialization::TrainingRecord record;
      record.step = step;
      const std::array<serialization::NamedTensorView, 1> tensors{
          {{"w", gpu::DType::f32, gpu::Shape{1}, std::as_bytes(std::span{weight})}}};
      serialization::write_checkpoint(posix_files(), checkpoint(step), record, tensors);
    }
    ActorType deployer;
    deployer.name = "deployer";
    deployer.make = [this](Context&, const Parameters&) -> std::unique_ptr<Actor> {
      return std::make_unique<FakeDeployer>(front);
    };
    registry.add(std::move(deployer));
    ActorType observer;
    observer.name = "observer";
    observer.make = [this](Context&, const Parameters&) -> std::unique_ptr<Actor> {
      return std::make_unique<FakeObserver>(front);
    };
    registry.add(std::move(observer));
    add_publisher_type(registry);
    node = std::make_unique<TestNode>(registry);
  }

  std::string checkpoint(std::uint64_t step) const {
    return folder.path() + '/' + serialization::checkpoint_name(step);
  }

  void start(const std::string& served) {
    SupervisorSpec root;
    root.intensity = 100;
    for (const char* type : {"observer", "deployer", "publisher"}) {
      ChildSpec child;
      child.name = child.type = type;
      if (child.type == "publisher")
        child.parameters = Parameters{{{"deployer", std::string{"/deployer"}},
                                       {"checkpoint", served},
                                       {"serving_folder", folder.path()},
                                       {"order", std::string{"first"}},
                                       {"observer", std::string{"/observer"}}}};
      root.children.push_back(child);
    }
    node->start(root);
    node->run();
  }

  /// After as much time as anything here may take.
  CommandResult command(const std::string& name, const std::string& arguments) {
    std::optional<Answer> answer =
        node->ask("/publisher", Command::type(), to_frame(Command{name, arguments}), 10min);
    REQUIRE(answer.has_value());
    REQUIRE(answer->ok());
    return read_command_result(answer->frame());
  }
  CommandResult promote(std::uint64_t step, const char* force = "true") {
    return command("promote", version(step, force));
  }
  std::string version(std::uint64_t step, const char* force = "true") const {
    return R"({"saved": ")" + checkpoint(step) + R"(", "force": )" + force + '}';
  }
  std::string served() const {
    return front.rollout.current() ? front.rollout.current()->version : "";
  }

  const test::TemporaryFolder folder;
  Front front;
  Registry registry;
  std::unique_ptr<TestNode> node;
};

}  // namespace

TEST_CASE("Serving: a version is served, and told of with its address") {
  Fixture here;
  here.start(here.checkpoint(1));
  CHECK(here.served() == "1");
  CHECK(here.front.told == std::vector<std::string>{"fake 1 http://here"});
  const VersionList list{posix_files(), here.folder.path()};
  REQUIRE(list.versions().size() == 1);
  CHECK(list.versions()[0].checkpoint == here.checkpoint(1));
  CHECK(list.done() == "first");
}

TEST_CASE("Serving: what is refused for a while is tried again, what is refused on and on is not") {
  Fixture here;
  here.front.refuse = 5;
  here.start(here.checkpoint(1));
  here.node->advance(1min);
  CHECK(here.served() == "1");
  CHECK(here.front.deploys == 6);

  Fixture never;
  never.front.refuse = 1000;
  never.start(never.checkpoint(1));
  never.node->advance(1h);
  CHECK(never.front.deploys == 10);
  REQUIRE(never.front.told.size() == 1);
  CHECK(never.front.told[0].find("not now") != std::string::npos);
  never.front.refuse = 0;
  CHECK(never.promote(1).ok);  // it has not ended
}

TEST_CASE("Serving: it waits for replicas, however long they take") {
  Fixture here;
  here.front.replicas = 0;
  here.start(here.checkpoint(1));
  here.node->advance(1h);
  CHECK(here.front.deploys == 0);
  here.front.replicas = 2;
  here.node->advance(2s);
  CHECK(here.served() == "1");
}

TEST_CASE("Serving: one that begins anew deploys nothing a second time, and undoes nothing") {
  Fixture here;
  here.start(here.checkpoint(1));
  here.node->kill("/publisher");
  here.node->advance(1s);
  CHECK(here.front.deploys == 1);
  CHECK(here.promote(2).text == "fake version 2 at http://here");
  here.node->kill("/publisher");
  here.node->advance(1s);
  CHECK(here.served() == "2");
  CHECK(here.front.deploys == 2);
  CHECK(here.front.told.back() == "fake 2 http://here");

  here.front.rollout = {};  // a deployer that has forgotten is told again
  here.node->kill("/publisher");
  here.node->advance(1s);
  CHECK(here.served() == "1");
}

TEST_CASE("Serving: a roll back goes one version back, and no further when it is tried again") {
  Fixture here;
  here.start(here.checkpoint(1));
  CommandResult none = here.command("rollback", "{}");
  CHECK_FALSE(none.ok);
  CHECK(none.text.find("no version before") != std::string::npos);
  REQUIRE(here.promote(2).ok);
  const CommandResult back = here.command("rollback", "{}");
  CHECK(back.ok);
  CHECK(back.text == "fake version 1 at http://here");
  CHECK(here.front.rollbacks == 1);

  here.front.refuse = 3;
  CHECK_FALSE(
      here.node->ask("/publisher", Command::type(), to_frame(Command{"rollback", "{}"}), 10min)
          .has_value());  // it waits
  here.node->advance(10s);
  CHECK(here.served() == "2");
  CHECK(here.front.rollbacks == 5);
}

TEST_CASE(
    "Serving: a promotion waits for what is being deployed; a roll back is refused meanwhile") {
  const auto ask = [](Fixture& here, const char* name, const std::string& arguments) {
    return here.node->ask("/publisher", Command::type(), to_frame(Command{name, arguments}), 10min);
  };
  Fixture here;
  here.front.replicas = 0;
  here.start(here.checkpoint(1));
  CHECK_FALSE(ask(here, "promote", here.version(2)).has_value());  // it waits
  const CommandResult refused = here.command("rollback", "{}");
  CHECK_FALSE(refused.ok);
  CHECK(refused.text.find("version 1 is being deployed") != std::string::npos);
  here.front.replicas = 2;
  here.node->advance(2s);
  CHECK(here.served() == "2");
  CHECK(here.front.deploys == 2);
  CHECK(here.front.told == std::vector<std::string>{"fake 1 http://here", "fake 2 http://here"});

  Fixture late;
  late.front.replicas = 0;
  late.start(late.checkpoint(1));
  for (int i = 0; i < 16; ++i) CHECK_FALSE(ask(late, "promote", late.version(2)).has_value());
  CHECK(late.promote(2).text.find("16 orders wait already") != std::string::npos);
  late.node->advance(121s);  // as long as they wait
  late.front.replicas = 2;
  late.node->advance(2s);
  CHECK(late.served() == "1");
  CHECK(late.front.deploys == 1);
  CHECK(late.promote(2).ok);
}

TEST_CASE(
    "Serving: what is served, and what was before it, is kept in copies that outlive its run") {
  Fixture here;
  const auto kept = [&] { return posix_files().list(here.folder.path() + "/versions"); };
  const auto step = [&](const std::optional<DeployedVersion>& version) {
    return serialization::read_checkpoint(posix_files(), version->folder).manifest.record.step;
  };
  here.start(here.checkpoint(1));
  REQUIRE(here.promote(2).ok);
  CHECK(kept() == std::vector<std::string>{"1", "2"});
  for (const std::uint64_t number : {1, 2}) remove_all(posix_files(), here.checkpoint(number));
  CHECK(step(here.front.rollout.current()) == 2);
  CHECK(step(here.front.rollout.previous()) == 1);
  CHECK(here.command("rollback", "{}").ok);
  CHECK(kept() == std::vector<std::string>{"1", "2"});
  REQUIRE(here.promote(3).ok);
  CHECK(kept() == std::vector<std::string>{"1", "3"});
  // One that is damaged is copied again.
  { std::ofstream{here.folder.path() + "/versions/3/manifest"} << "x"; }
  REQUIRE(here.promote(3).ok);
  CHECK(step(here.front.rollout.current()) == 3);
}

TEST_CASE("Serving: a deployer that comes back at another address is told of") {
  Fixture here;
  here.start(here.checkpoint(1));
  here.node->kill("/deployer");
  here.node->advance(1s);
  CHECK(here.front.told.size() == 1);
  here.front.address = "http://there";
  here.node->kill("/deployer");
  here.node->advance(1s);
  CHECK(here.front.told == std::vector<std::string>{"fake 1 http://here", "fake 1 http://there"});
}

TEST_CASE("Serving: what has no gate is served by force only, and nonsense not at all") {
  Fixture here;
  here.start("");
  const CommandResult refused = here.promote(1, "false");
  CHECK_FALSE(refused.ok);
  CHECK(refused.text.find("its gate was not decided") != std::string::npos);
  CHECK(here.front.deploys == 0);
  for (const char* arguments : {"", "[]", "{}", "{\"saved\": 3}", "{\"saved\": \"/nowhere\"}"})
    CHECK_FALSE(here.command("promote", arguments).ok);
  CHECK_FALSE(here.command("dance", "{}").ok);
  // A file that is damaged is not served.
  { std::ofstream{here.checkpoint(2) + "/manifest"} << "x"; }
  CHECK_FALSE(here.promote(2).ok);
  CHECK(here.front.deploys == 0);
  CHECK(here.promote(1).ok);
}
