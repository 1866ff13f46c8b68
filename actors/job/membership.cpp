#include "actors/job/membership.hpp"

#include <capnp/message.h>

#include <cstring>
#include <utility>

#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/malformed_frame.hpp"
#include "serialization/schema/training.capnp.h"

namespace troupe::actors {

JobMember read_here(const serialization::Frame& frame) {
  JobMember member;
  serialization::read_head<wire::Here>(frame, [&](wire::Here::Reader head) {
    member.role = head.getRole();
    member.path = head.getPath();
    member.incarnation = head.getIncarnation();
    member.job = head.getJob();
    member.fault = head.getFault();
    member.exhausted = head.getExhausted();
    for (const auto fact : head.getMachine())
      member.machine.push_back({fact.getKey(), fact.getValue()});
    const auto probe = head.getProbe();
    if (probe.size() == 0) return;
    if (probe.size() != sizeof(serialization::Xxh3Digest))
      throw serialization::MalformedFrame{"here: expected a probe of 16 bytes"};
    std::memcpy(member.probe.emplace().data(), probe.begin(), probe.size());
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

void Membership::show(std::uint64_t job, const serialization::Xxh3Digest& probe,
                      MachineFacts machine) {
  show({job, probe, std::move(machine), {}, false});
}

void Membership::show_fault(std::uint64_t job, std::string why, bool exhausted) {
  show({job, {}, {}, std::move(why), exhausted});
}

void Membership::show(Shown shown) {
  shown_ = std::move(shown);
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
        head.setFault(shown_->fault);
        head.setExhausted(shown_->exhausted);
        auto machine = head.initMachine(static_cast<unsigned>(shown_->machine.size()));
        for (unsigned i = 0; i < shown_->machine.size(); ++i) {
          machine[i].setKey(shown_->machine[i].key);
          machine[i].setValue(shown_->machine[i].value);
        }
        if (const auto& probe = shown_->probe)
          head.setProbe({reinterpret_cast<const kj::byte*>(probe->data()), probe->size()});
      }));
}

}  // namespace troupe::actors
