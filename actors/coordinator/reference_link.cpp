#include "actors/coordinator/reference_link.hpp"

#include <capnp/message.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "actors/coordinator/version_list.hpp"
#include "actors/pipeline/build_reference.hpp"
#include "runtime/actor/executor.hpp"
#include "runtime/actor/name_table.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "runtime/telemetry/log.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/feedback.capnp.h"

namespace troupe::actors {

using namespace runtime;
using namespace std::chrono_literals;
using serialization::make_frame;

namespace {

constexpr Duration answer_within = 30s;
constexpr Duration first_wait = 1s, longest_wait = 1min;
constexpr std::uint64_t most_path_bytes = 64 << 10;

/// The prepared data that a checkpoint's job was trained on, which the job's folder names.
std::string prepared_of(const std::string& checkpoint) {
  const FileBytes bytes =
      posix_files().read(parent_folder(parent_folder(checkpoint)) + "/prepared", most_path_bytes);
  const std::string text{reinterpret_cast<const char*>(bytes.span().data()), bytes.span().size()};
  return text.substr(0, text.find('\n'));
}

std::string reference_of(const std::string& version, std::size_t groups,
                         const std::string& serving_folder) {
  const VersionList list{posix_files(), serving_folder};
  const std::string& checkpoint = list.version(version).checkpoint;
  return build_reference(prepared_of(checkpoint), checkpoint, groups);
}

}  // namespace

ReferenceLink::ReferenceLink(Context& context, const std::string& feedback, std::size_t groups,
                             std::string serving_folder)
    : context_{context},
      feedback_{context.ref(feedback)},
      groups_{groups},
      serving_folder_{std::move(serving_folder)} {}

void ReferenceLink::served(const std::string& version) {
  version_ = version;
  wait_ = first_wait;
  look(++round_);
}

void ReferenceLink::look(std::uint64_t round) {
  context_.ask<wire::FeedbackStatusRequest>(
      feedback_, make_frame<wire::FeedbackStatusRequest>([](auto) {}), answer_within,
      [this, round](const Answer& answer) {
        if (round != round_) return;
        if (!answer.ok()) return again(round, answer.failure().text);
        bool known = false;
        serialization::read_head<wire::FeedbackStatus>(
            answer.frame(),
            [&](wire::FeedbackStatus::Reader head) { known = head.getVersion() == version_; });
        if (!known) build(round);
      });
}

void ReferenceLink::build(std::uint64_t round) {
  context_.executor({.name = "reference"})
      .run_as(
          "build the drift reference",
          [version = version_, groups = groups_, folder = serving_folder_] {
            return reference_of(version, groups, folder);
          },
          [this, round](const std::string& reference) { send(round, reference); },
          [this, round](const std::exception_ptr& thrown) {
            try {
              std::rethrow_exception(thrown);
            } catch (const Error& error) {
              context_.log().warning("drift is not looked at", {{"why", error.what()}});
            }
            send(round, {});
          });
}

void ReferenceLink::send(std::uint64_t round, const std::string& reference) {
  if (round != round_) return;
  context_.ask<wire::NewReference>(
      feedback_, make_frame<wire::NewReference>([&](wire::NewReference::Builder head) {
        head.setVersion(version_);
        head.setReference(reference);
      }),
      answer_within, [this, round, reference](const Answer& answer) {
        if (round != round_) return;
        if (answer.ok()) {
          context_.log().info("the feedback actor knows what is served",
                              {{"version", version_},
                               {"drift", reference.empty() ? "is not looked at" : "is looked at"}});
          return;
        }
        // One that it cannot use is not sent again.
        if (answer.failure().kind == FailureKind::refused && !reference.empty()) {
          context_.log().warning("drift is not looked at", {{"why", answer.failure().text}});
          return send(round, {});
        }
        again(round, answer.failure().text);
      });
}

void ReferenceLink::again(std::uint64_t round, const std::string& why) {
  context_.log().warning("the feedback actor does not know yet what is served", {{"why", why}});
  context_.after(wait_, [this, round] {
    if (round == round_) look(round);
  });
  wait_ = std::min(wait_ * 2, longest_wait);
}

}  // namespace troupe::actors
