#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.hpp"
#include "runtime/exit.hpp"
#include "runtime/supervision/child_spec.hpp"
#include "runtime/supervision/restart_window.hpp"

namespace troupe::runtime {

/// What a supervisor is to do, in the order given.
struct SupervisionAction {
  enum class Kind : std::uint8_t {
    start,    ///< make this incarnation of the child; report started() or ended()
    stop,     ///< ask it to end; report ended()
    kill,     ///< end it hard, with all below it, and fence the incarnation; nothing is awaited
    started,  ///< all children are up, for the first time
    finish,   ///< the supervisor itself ends, as `exit` says; no child is left, no action follows
  };
  Kind kind;
  std::string child = {};         ///< of start, stop, kill
  std::uint64_t incarnation = 0;  ///< of start, stop, kill
  Exit exit = {};                 ///< of finish
};

enum class ChildState : std::uint8_t {
  waiting,      ///< for its turn to start
  starting,     ///< made, but has not said that it is up
  running,      ///<
  backing_off,  ///< failed; to be started again later
  stopping,     ///< asked to end
  ended,        ///< and not to be started again, unless with its group
};

std::string_view to_string(ChildState state);

/// One child, as `troupe ps` shows it.
struct ChildStatus {
  std::string name;
  ChildState state = ChildState::waiting;
  std::uint64_t incarnation = 0;       ///< the current one, or else the last; 0: never started
  std::uint64_t restarts = 0;          ///< starts after the first, those with the group included
  std::optional<Exit> last_exit = {};  ///< how the incarnation before ended, or this one, if it has
  TimePoint since = {};                ///< when it entered this state
};

/// How long a child may take to stop before it is killed: its stop_within; of a supervisor at least what
/// its children may take one after the other (as its spec names them, down to the leaves), plus one
/// second a level. Saturates at Duration::max().
Duration effective_stop_within(const ChildSpec& spec);

/// What a supervisor does when, as logic alone: told of events with their time, it answers with actions.
/// Semantics are those of Erlang/OTP's supervisor, but for what is marked with *.
///
/// SUP-1  Start. Children start in order. A waiting child starts when all before it are up: have reported
///        started, or have ended and stay so. In one_for_one, having been up once suffices, so that a sibling
///        that fails later holds back nobody.
/// SUP-2  Stop. Children stop in reverse order, the next when the one before is gone, one at a time.
/// SUP-3  Who is restarted. A child that ends unasked: a permanent one always; a transient one if the exit was
///        abnormal (failed, killed, lost), else it stays as `ended`; a temporary one never, it is forgotten.
///        A child that ends after its stop was decided, asked already or not, did what was wanted, however
///        it ended. One that ends before it is up counts by its exit as any other.
/// SUP-4  Intensity. Every end that calls for a restart counts once, however many siblings restart with it; so
///        does a failure to start, * the initial one too, which OTP would not try again. The one that makes
///        more than `intensity` within `period` (bounds included) is not followed by a restart: all
///        children are stopped (SUP-2), and the supervisor finishes as failed, with a reason that names the
///        child and its exit. The first cause stands: a stop() that follows does not change it.
/// SUP-5  Incarnations. Each start has a new incarnation. A child has at most one that lives: none starts
///        before the last one's end was reported or it was killed. What is reported of any other is ignored.
/// SUP-6  Deadlines. A child that is not up within start_within is killed, and has failed (SUP-3, killed). One
///        that has not ended within effective_stop_within() after it was asked is killed. * A killed child is
///        gone at once: the runtime fences its incarnation, and nothing is awaited from it. Deadlines act
///        at the first event or tick at or after them; an event that comes with that time counts first.
/// SUP-7  Backoff. * The child whose end called for the restart waits as `Backoff` says, from that end on; in
///        one_for_all its whole group waits too. Siblings in one_for_one go on as they were.
/// SUP-8  Groups. In one_for_all an end that calls for a restart restarts all children, in rest_for_one those
///        after it in order too. Those that live are stopped (SUP-2), all others in the group become waiting,
///        a transient one that had ended too; a temporary one that is stopped for it is forgotten. No child of
///        a group strategy starts while one is to be stopped. A further failure meanwhile widens the
///        group and counts (SUP-4), unless that child was to be stopped anyway (SUP-3).
/// SUP-9  End. After stop(), or when it gives up, nothing is started. Finish comes once, when no child lives.
/// SUP-10 Dynamic children. They are added at the end, and are as any other. The removal of a child restarts
///        no sibling. One added under a name whose holder is being removed takes that place once it is gone.
///
/// Not synchronised: one owner. An event takes O(children).
class Supervision {
 public:
  /// Gives a number larger than all that it gave before, and not 0.
  using NewIncarnation = std::function<std::uint64_t()>;

  static constexpr std::size_t max_children = 4096;

  /// Does nothing before start().
  /// @param jitter_seed decides the jitter (jitter_share()), nothing else.
  /// @throws Error bad_input if a name is empty or taken, a duration negative, a factor or jitter out of
  /// range, or if there are too many children.
  Supervision(SupervisorSpec spec, NewIncarnation next, std::uint64_t jitter_seed);

  // Events. Of times that go back, the latest counts.

  /// A second one, or one after stop(), does nothing.
  void start(TimePoint now);
  void started(std::string_view child, std::uint64_t incarnation, TimePoint now);
  /// By itself, or because it was asked to.
  void ended(std::string_view child, std::uint64_t incarnation, const Exit& exit, TimePoint now);
  /// Ends the supervisor, with `why` as its own exit, in whatever state it is.
  void stop(const Exit& why, TimePoint now);
  /// Acts on what is due.
  void tick(TimePoint now);

  /// @return false if the supervisor is ending, and takes no more children.
  /// @throws Error bad_input as the constructor; nothing has changed then.
  bool add_child(ChildSpec spec, TimePoint now);
  /// Stops the child, then forgets it. @return false if there is none of this name.
  bool remove_child(std::string_view name, TimePoint now);
  /// Makes the children named "0" … "count - 1" the only ones with a number for a name: what is missing is
  /// added by the template (whose name is not used), what is too much is removed from the end.
  /// @return, @throws as add_child().
  bool scale(std::size_t count, const ChildSpec& replica, TimePoint now);

  /// When tick() is next needed; nothing if only other events can change something.
  std::optional<TimePoint> next_due() const;
  /// What has to be done since the last call.
  std::vector<SupervisionAction> take_actions();

  /// In their order.
  std::vector<ChildStatus> children() const;
  /// To start it by; valid until the next event. @return null if there is no such child.
  const ChildSpec* find_spec(std::string_view name) const;
  bool finished() const { return phase_ == Phase::finished; }
  /// Reports that did not come from a child's living incarnation (SUP-5).
  std::uint64_t ignored() const { return ignored_; }

 private:
  enum class Phase : std::uint8_t { idle, up, ending, finished };
  /// What becomes of a living child: anything but `stay` says that it is to be stopped, and what it is then.
  enum class Fate : std::uint8_t { stay, restart, end, forget };

  struct Child {
    ChildSpec spec;
    ChildState state = ChildState::waiting;
    Fate fate = Fate::stay;
    bool was_up = false;
    bool forgotten = false;  ///< out of children_ at the end of the event
    std::uint64_t incarnation = 0;
    std::uint64_t restarts = 0;
    std::uint32_t failures_in_a_row = 0;
    TimePoint since = {};
    TimePoint due = TimePoint::max();  ///< of starting, stopping: killed; of backing_off: started
    std::optional<Exit> last_exit = {};

    bool lives() const;
    bool up() const;  ///< holds back nobody who waits for it
  };

  Child* find(std::string_view name);
  Child* find_living(std::string_view name, std::uint64_t incarnation);
  void set_time(TimePoint now);
  void enter(Child& child, ChildState state, TimePoint due = TimePoint::max());
  void add(ChildSpec spec);
  void remove(Child& child);
  void end_all(Exit exit);

  void gone(Child& child, Exit exit);
  void ended_unasked(Child& child);
  void restart_with(const Child& failed);

  void advance();
  void kill_overdue();
  void stop_next();
  void start_ready();
  void report_all_up();
  void start_child(Child& child);

  SupervisorSpec spec_;  ///< but for its children, which are in children_
  NewIncarnation next_;
  std::uint64_t jitter_seed_;
  RestartWindow window_;
  std::vector<Child> children_;
  std::vector<SupervisionAction> actions_;
  Phase phase_ = Phase::idle;
  bool all_were_up_ = false;
  Exit exit_ = {};  ///< of ending, finished
  TimePoint now_ = TimePoint::min();
  std::uint64_t ignored_ = 0;
};

}  // namespace troupe::runtime
