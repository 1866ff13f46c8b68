#include "actors/coordinator/serving.hpp"

#include <capnp/message.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "actors/coordinator/kept_versions.hpp"
#include "actors/coordinator/saved_version.hpp"
#include "actors/coordinator/version_list.hpp"
#include "actors/deployer/serving_messages.hpp"
#include "runtime/actor/executor.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "runtime/control/command.hpp"
#include "runtime/telemetry/log.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/serving.capnp.h"
#include "serialization/schema/tree.capnp.h"

namespace troupe::actors {

using namespace runtime;
using namespace std::chrono_literals;
using serialization::make_frame;

namespace {

constexpr Duration status_within = 5s;
constexpr Duration deploy_within = 2min;
constexpr Duration by_hand_within = 2min;
constexpr Duration first_wait = 50ms, longest_wait = 1s;
constexpr unsigned most_refusals = 10;  // of one order
constexpr std::size_t most_waiting = 16;

std::uint64_t number_of(const std::string& version) {
  std::uint64_t number = 0;
  std::from_chars(version.data(), version.data() + version.size(), number);
  return number;
}

std::string text_of(const std::string& version) {
  return version.empty() ? "a version" : "version " + version;
}

void say(Reply& reply, bool ok, std::string text) {
  reply.answer(to_frame(CommandResult{ok, std::move(text)}));
}

}  // namespace

struct Serving::Order {
  std::string saved;
  std::string id;  // empty: by hand
  bool force = true;
  std::optional<Reply> reply = {};
  bool done_before = false;
  bool roll_back = false;  // to `version`, which the deployer says
  std::string version = {}, folder = {};
  unsigned refusals = 0;
  Duration wait = first_wait;
  TimePoint began = {};
};

Serving::Serving(Context& context, const std::string& deployer, std::string folder, Tell tell)
    : context_{context},
      deployer_{context.ref(deployer)},
      folder_{std::move(folder)},
      tell_{std::move(tell)} {
  context_.watch(deployer_, [this](const Change& change) {
    if (change.up && !address_.empty()) tell_new_address();
  });
}

Serving::~Serving() = default;

void Serving::handles(Handlers& on) {
  on.ask<wire::Command>([this](const Frame& frame, Reply reply) {
    const Command command = read_command(frame);
    if (command.name == "promote") return promote(command.arguments, std::move(reply));
    if (command.name == "rollback") return roll_back(std::move(reply));
    say(reply, false, "expected the command promote or rollback, got \"" + command.name + '"');
  });
}

void Serving::serve(std::string saved, std::string order) {
  tell_(StageBegan{Stage::deploy, 0, {}});
  take(std::make_shared<Order>(Order{.saved = std::move(saved), .id = std::move(order)}));
}

void Serving::promote(const std::string& arguments, Reply reply) {
  const nlohmann::json given = nlohmann::json::parse(arguments, nullptr, false);
  if (!given.is_object() || !given.contains("saved") || !given["saved"].is_string())
    return say(reply, false, "promote: expected {\"saved\": PATH, \"force\": true or false}");
  const auto force = given.find("force");
  take(std::make_shared<Order>(Order{.saved = given["saved"],
                                     .id = {},
                                     .force = force != given.end() && *force == true,
                                     .reply = std::move(reply)}));
}

void Serving::roll_back(Reply reply) {
  if (current_)
    return say(reply, false,
               "roll back: " + text_of(current_->version) +
                   " is being deployed; promote the version that you want, or roll back when it is "
                   "served");
  current_ = std::make_shared<Order>(Order{.saved = {}, .id = {}, .reply = std::move(reply)});
  current_->roll_back = true;
  current_->began = context_.now();
  look(current_);
}

void Serving::take(OrderRef order) {
  if (!current_) return begin(std::move(order));
  if (!order->reply) {  // of the job's own the newest counts
    std::erase_if(waiting_, [](const OrderRef& other) { return !other->reply; });
  } else if (waiting_.size() >= most_waiting) {
    return say(*order->reply, false,
               "promote: " + std::to_string(waiting_.size()) + " orders wait already; try again");
  } else {
    context_.after(by_hand_within, [this, waits = std::weak_ptr{order}] {
      const OrderRef late = waits.lock();
      if (std::erase(waiting_, late) == 0) return;
      say(*late->reply, false,
          "promote: " + text_of(current_->version) + " is still being deployed; try again");
    });
  }
  waiting_.push_back(std::move(order));
}

void Serving::next() {
  current_.reset();
  if (waiting_.empty()) return;
  OrderRef order = std::move(waiting_.front());
  waiting_.pop_front();
  begin(std::move(order));
}

void Serving::begin(OrderRef order) {
  order->began = context_.now();
  current_ = std::move(order);
  resolve(current_);
}

void Serving::resolve(const OrderRef& order) {
  struct Resolved {
    std::string refused;
    NumberedVersion version;
    std::string folder;  // of its copy
    bool done_before = false;
  };
  context_.executor({.name = "serving"})
      .run_as(
          "number the version",
          [saved = order->saved, id = order->id, force = order->force, folder = folder_] {
            Resolved resolved;
            const SavedVersion version = find_saved_version(posix_files(), saved);
            if (!force && version.gate_passed != true) {
              resolved.refused = version.checkpoint + ": its gate was not " +
                                 (version.gate_passed ? "passed: " + version.gate : "decided") +
                                 "; --force deploys it all the same";
              return resolved;
            }
            VersionList list{posix_files(), folder};
            resolved.version = list.add(version, wall_seconds());
            resolved.folder = keep_version(posix_files(), folder, resolved.version);
            resolved.done_before = !id.empty() && list.done() == id;
            return resolved;
          },
          [this, order](const Resolved& resolved) {
            if (!resolved.refused.empty()) return give_up(order, resolved.refused);
            order->version = std::to_string(resolved.version.number);
            order->folder = resolved.folder;
            order->done_before = resolved.done_before;
            look(order);
          },
          [this, order](const std::exception_ptr& thrown) { give_up(order, reason_of(thrown)); });
}

void Serving::look(const OrderRef& order) {
  context_.ask<wire::DeployerStatus>(
      deployer_, make_frame<wire::DeployerStatus>([](auto) {}), status_within,
      [this, order](const Answer& answer) {
        if (order != current_) return;
        if (!answer.ok()) return again(order, answer.failure().text);
        const DeployerReportMessage report = read_report(answer.frame());
        if (order->roll_back && order->version.empty()) {
          if (report.previous.empty())
            return give_up(order, "roll back: there is no version before this one");
          order->version = report.previous;
        }
        const bool stays = order->done_before && !report.version.empty();
        if (stays || report.version == order->version) {
          if (report.ready == 0) return again(order, "no replica has loaded it yet");
          return finish(order, report);
        }
        if (order->roll_back && report.previous != order->version)
          return give_up(order, "another version is served by now");
        if (report.replicas == 0) return again(order, "no replica has joined yet");
        deploy(order);
      });
}

void Serving::deploy(const OrderRef& order) {
  const auto then = [this, order](const Answer& answer) {
    if (order != current_) return;
    if (answer.ok()) return look(order);
    if (answer.failure().kind == FailureKind::refused && ++order->refusals >= most_refusals)
      return give_up(order, answer.failure().text);
    again(order, answer.failure().text);
  };
  if (order->roll_back) {
    context_.ask<wire::RollBack>(deployer_, make_frame<wire::RollBack>([](auto) {}), deploy_within,
                                 then);
  } else {
    context_.ask<wire::Deploy>(deployer_, deploy_frame({order->version, order->folder}),
                               deploy_within, then);
  }
}

void Serving::again(const OrderRef& order, const std::string& why) {
  // Nobody waits for the job's own order, so it may take as long as the deployer takes to come up.
  if (order->reply && context_.now() - order->began > by_hand_within) return give_up(order, why);
  context_.after(order->wait, [this, order] {
    if (order == current_) look(order);
  });
  if (order->wait < longest_wait && order->wait * 2 >= longest_wait)
    context_.log().warning("a version is not served yet",
                           {{"version", order->version}, {"why", why}});
  order->wait = std::min(order->wait * 2, longest_wait);
}

void Serving::give_up(const OrderRef& order, const std::string& why) {
  const std::string what = order->version.empty() ? why : "version " + order->version + ": " + why;
  context_.log().warning("a version is not served", {{"why", what}});
  if (order->reply) {
    say(*order->reply, false, what);
  } else {
    tell_(Notice{"warning", "nothing new is served: " + what});
  }
  next();
}

void Serving::finish(const OrderRef& order, const DeployerReportMessage& report) {
  context_.log().info(
      "a version is served at",
      {{"model", report.model}, {"version", report.version}, {"address", report.address}});
  address_ = report.address;
  tell_(Deployed{report.model, number_of(report.version), report.address});
  if (served_) served_(report.version);
  const std::string what = report.model + " version " + report.version + " at " + report.address;
  Executor& files = context_.executor({.name = "serving"});
  if (order->reply) {
    say(*order->reply, true, what);
  } else {
    tell_(StageEnded{Stage::deploy,
                     std::chrono::duration<double>(context_.now() - order->began).count(), what});
    tell_(StageBegan{Stage::serve, 0, report.model});
    files.run(
        [id = order->id, folder = folder_] {
          VersionList{posix_files(), folder}.set_done(id);
        },
        [] {});
  }
  files.run(
      [folder = folder_, served = std::set{report.version, report.previous}] {
        forget_versions(posix_files(), folder, served);
      },
      [] {},
      [this](const std::exception_ptr& thrown) {
        context_.log().warning("old versions are not removed", {{"why", reason_of(thrown)}});
      });
  next();
}

void Serving::tell_served() {
  context_.ask<wire::DeployerStatus>(
      deployer_, make_frame<wire::DeployerStatus>([](auto) {}), status_within,
      [this](const Answer& answer) {
        if (current_ || !address_.empty()) return;  // an order has come
        if (answer.ok()) {
          const DeployerReportMessage report = read_report(answer.frame());
          if (report.version.empty()) {
            const std::string what =
                "nothing is served: no checkpoint is given and none was served before; "
                "`troupe promote NODE CHECKPOINT|RUN_FOLDER` has one served";
            context_.log().warning(what);
            return tell_(Notice{"warning", what});
          }
          if (report.ready > 0) {
            address_ = report.address;
            tell_(Deployed{report.model, number_of(report.version), report.address});
            return tell_(StageBegan{Stage::serve, 0, report.model});
          }
        }
        context_.after(longest_wait, [this] { tell_served(); });
      });
}

/// A deployer that was started again may have got another port.
void Serving::tell_new_address() {
  context_.ask<wire::DeployerStatus>(
      deployer_, make_frame<wire::DeployerStatus>([](auto) {}), status_within,
      [this](const Answer& answer) {
        if (!answer.ok()) return;
        const DeployerReportMessage report = read_report(answer.frame());
        if (report.version.empty() || report.address == address_) return;
        address_ = report.address;
        tell_(Deployed{report.model, number_of(report.version), report.address});
      });
}

}  // namespace troupe::actors
