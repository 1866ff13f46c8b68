#include "actors/job/membership.hpp"

#include <capnp/message.h>

#include <span>
#include <utility>

#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/malformed_frame.hpp"
#include "serialization/schema/training.capnp.h"
#include "serialization/sha256.hpp"

namespace troupe::actors {

JobMember read_here(const serialization::Frame& frame) {
  JobMember member;
  serialization::read_head<wire::Here>(frame, [&](wire::Here::Reader head) {
    member = {head.getRole(), head.getPath(), head.getIncarnation(), head.getJob(), {}};
    const auto probe = head.getProbe();
    if (probe.size() != 0 && probe.size() != sizeof(serialization::Xxh3Digest))
      throw serialization::MalformedFrame{"here: expected a probe of 16 bytes"};
    member.probe = serialization::to_hex(std::as_bytes(std::span{probe.begin(), probe.size()}));
  });
  return member;
}

Membership::Membership(runtime::Context& context, const std::string& coordinator, std::string role,
                       std::function<void()> on_change)
    : context_{context}, role_{std::move(role)} {
  if (coordinator.empty()) return;
  coordinator_ = context.ref(coordinator);
  context.watch(coordinator_,
                [this, on_change = std::move(on_change)](const runtime::Change& change) {
                  if (!change.up) return;
                  tell();
                  if (on_change) on_change();
                });
}

void Membership::show(std::uint64_t job, const serialization::Xxh3Digest& probe) {
  shown_ = {job, probe};
  if (coordinator_) tell();
}

void Membership::tell() const {
  context_.tell<wire::Here>(
      coordinator_, serialization::make_frame<wire::Here>([this](auto head) {
        head.setRole(role_);
        head.setPath(context_.path());
        head.setIncarnation(context_.incarnation());
        if (!shown_) return;
        head.setJob(shown_->job);
        head.setProbe(
            {reinterpret_cast<const kj::byte*>(shown_->probe.data()), shown_->probe.size()});
      }));
}

}  // namespace troupe::actors
