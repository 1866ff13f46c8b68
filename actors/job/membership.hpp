#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "actors/report/machine_file.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/ref.hpp"
#include "serialization/frame.hpp"
#include "serialization/xxh3.hpp"

namespace troupe::actors {

/// Who takes part in a job, as wire::Here tells it.
struct JobMember {
  std::string role, path;
  std::uint64_t incarnation = 0;
  std::uint64_t job = 0;                                ///< that it was probed for
  std::optional<serialization::Xxh3Digest> probe = {};  ///< none: not computed yet (JOB-6)
  MachineFacts machine = {};                            ///< what that depends on
  std::string fault = {};                               ///< why it cannot compute the job at all
  bool exhausted = false;                               ///< which is for want of memory
};
/// @throws MalformedFrame as read_head() does.
JobMember read_here(const serialization::Frame& frame);

/// Makes an actor part of a job: tells the job's coordinator that it is here, at once and whenever the coordinator was
/// started again. A member of its actor.
class Membership {
 public:
  /// @param coordinator  its path; "": there is none, and nothing is told
  /// @param on_change    called after each such word; may be empty
  Membership(runtime::Context& context, const std::string& coordinator, std::string role,
             std::function<void()> on_change = {});

  /// Names nobody if there is none.
  const runtime::Ref& coordinator() const { return coordinator_; }

  /// Tells what this machine makes of a job (JOB-6), at once and with each word from here on.
  void show(std::uint64_t job, const serialization::Xxh3Digest& probe, MachineFacts machine);
  /// Tells likewise that it cannot compute the job, and why.
  /// @param exhausted  for want of memory
  void show_fault(std::uint64_t job, std::string why, bool exhausted = false);
  /// The job that was shown, with either; 0: none.
  std::uint64_t shown() const { return shown_ ? shown_->job : 0; }
  /// Tells the same once more.
  void show_again() const {
    if (coordinator_) tell();
  }

 private:
  struct Shown {
    std::uint64_t job;
    std::optional<serialization::Xxh3Digest> probe;
    MachineFacts machine;
    std::string fault;
    bool exhausted = false;
  };
  void show(Shown shown);
  void tell() const;

  runtime::Context& context_;
  const std::string role_;
  runtime::Ref coordinator_;
  std::optional<Shown> shown_;
};

}  // namespace troupe::actors
