#include "runtime/supervision/supervision.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "runtime/base/error.hpp"
#include "runtime/supervision/backoff.hpp"

namespace troupe::runtime {
namespace {

using Kind = SupervisionAction::Kind;

/// For a supervisor to hear of its last child's end, and to report its own.
constexpr Duration margin = std::chrono::seconds{1};

Duration sum(Duration a, Duration b) {
  return a > Duration::max() - b ? Duration::max() : a + b;
}

/// In the largest unit that divides it: "5s", "250ms".
std::string text(Duration duration) {
  struct Unit {
    const char* name;
    std::int64_t ns;
  };
  constexpr std::array<Unit, 5> units{{{"h", 3'600'000'000'000},
                                       {"m", 60'000'000'000},
                                       {"s", 1'000'000'000},
                                       {"ms", 1'000'000},
                                       {"us", 1'000}}};
  for (const auto& [name, ns] : units)
    if (duration.count() % ns == 0 && duration.count() != 0)
      return std::to_string(duration.count() / ns) + name;
  return std::to_string(duration.count()) + "ns";
}

void demand(bool holds, const std::string& field, const std::string& expected,
            const std::string& came) {
  if (!holds) throw Error{ErrorCode::bad_input, field + ": expected " + expected + ", got " + came};
}

void demand_wait(const std::string& field, Duration duration) {
  demand(duration >= Duration::zero(), field, "a duration >= 0", text(duration));
}

void check(const SupervisorSpec& spec) {
  const auto& [first, limit, factor, jitter] = spec.backoff;
  demand_wait("supervisor: period", spec.period);
  demand_wait("supervisor: backoff.first", first);
  demand_wait("supervisor: backoff.limit", limit);
  demand(factor >= 1, "supervisor: backoff.factor", "a number >= 1", std::to_string(factor));
  demand(jitter >= 0 && jitter <= 1, "supervisor: backoff.jitter", "a share of 0 to 1",
         std::to_string(jitter));
}

void check(const ChildSpec& child, const std::string& name) {
  demand(!name.empty(), "child", "a name", "an empty one");
  demand_wait("child " + name + ": start_within", child.start_within);
  demand_wait("child " + name + ": stop_within", child.stop_within);
}

/// The number that a name is, as scale() writes it.
std::optional<std::size_t> replica_number(const std::string& name) {
  std::size_t number = 0;
  const char* const end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data(), end, number);
  if (error != std::errc{} || stop != end || name != std::to_string(number)) return std::nullopt;
  return number;
}

}  // namespace

std::string_view to_string(ChildState state) {
  switch (state) {
    case ChildState::waiting:
      return "waiting";
    case ChildState::starting:
      return "starting";
    case ChildState::running:
      return "running";
    case ChildState::backing_off:
      return "backing_off";
    case ChildState::stopping:
      return "stopping";
    case ChildState::ended:
      return "ended";
  }
  return "unknown";
}

Duration effective_stop_within(const ChildSpec& spec) {
  if (spec.supervisor == nullptr) return spec.stop_within;
  Duration needed = margin;
  for (const ChildSpec& child : spec.supervisor->children)
    needed = sum(needed, effective_stop_within(child));
  return std::max(spec.stop_within, needed);
}

Supervision::Supervision(SupervisorSpec spec, NewIncarnation next, std::uint64_t jitter_seed)
    : spec_{std::move(spec)},
      next_{std::move(next)},
      jitter_seed_{jitter_seed},
      window_{spec_.intensity, spec_.period} {
  check(spec_);
  for (ChildSpec& child : std::exchange(spec_.children, {})) add(std::move(child));
}

void Supervision::start(TimePoint now) {
  set_time(now);
  if (phase_ == Phase::idle) {
    phase_ = Phase::up;
    for (Child& child : children_) child.since = now_;
  }
  advance();
}

void Supervision::started(std::string_view child, std::uint64_t incarnation, TimePoint now) {
  set_time(now);
  if (Child* const living = find_living(child, incarnation);
      living != nullptr && living->state == ChildState::starting) {
    enter(*living, ChildState::running);
    living->was_up = true;
  }
  advance();
}

void Supervision::ended(std::string_view child, std::uint64_t incarnation, const Exit& exit,
                        TimePoint now) {
  set_time(now);
  if (Child* const living = find_living(child, incarnation)) gone(*living, exit);
  advance();
}

void Supervision::stop(const Exit& why, TimePoint now) {
  set_time(now);
  if (phase_ < Phase::ending) end_all(why);
  advance();
}

void Supervision::tick(TimePoint now) {
  set_time(now);
  advance();
}

bool Supervision::add_child(ChildSpec spec, TimePoint now) {
  if (phase_ >= Phase::ending) return false;
  set_time(now);
  add(std::move(spec));
  advance();
  return true;
}

bool Supervision::remove_child(std::string_view name, TimePoint now) {
  Child* const child = find(name);
  if (child == nullptr) return false;
  set_time(now);
  remove(*child);
  advance();
  return true;
}

bool Supervision::scale(std::size_t count, const ChildSpec& replica, TimePoint now) {
  if (phase_ >= Phase::ending) return false;
  demand(count <= max_children, "scale", "at most " + std::to_string(max_children) + " children",
         std::to_string(count));
  check(replica, "replica");
  std::vector<bool> there(count);
  for (const Child& child : children_)
    if (const auto number = replica_number(child.spec.name);
        number && *number < count && child.fate != Fate::forget)
      there[*number] = true;
  const auto missing = static_cast<std::size_t>(std::count(there.begin(), there.end(), false));
  demand(children_.size() + missing <= max_children, "scale",
         "at most " + std::to_string(max_children) + " children",
         std::to_string(children_.size() + missing));
  set_time(now);
  for (Child& child : children_)
    if (const auto number = replica_number(child.spec.name); number && *number >= count)
      remove(child);
  for (std::size_t k = 0; k < count; ++k) {
    if (there[k]) continue;
    ChildSpec spec = replica;
    spec.name = std::to_string(k);
    add(std::move(spec));
  }
  advance();
  return true;
}

std::optional<TimePoint> Supervision::next_due() const {
  TimePoint due = TimePoint::max();
  for (const Child& child : children_) {
    // One whose backoff is over, but not its siblings' stop, waits for events.
    if (child.state != ChildState::backing_off || child.due > now_) due = std::min(due, child.due);
  }
  if (due == TimePoint::max()) return std::nullopt;
  return due;
}

std::vector<SupervisionAction> Supervision::take_actions() {
  return std::exchange(actions_, {});
}

std::vector<ChildStatus> Supervision::children() const {
  std::vector<ChildStatus> all;
  all.reserve(children_.size());
  for (const Child& child : children_)
    all.push_back({child.spec.name, child.state, child.incarnation, child.restarts, child.last_exit,
                   child.since});
  return all;
}

const ChildSpec* Supervision::find_spec(std::string_view name) const {
  for (const Child& child : children_)
    if (child.spec.name == name) return &child.spec;
  return nullptr;
}

bool Supervision::Child::lives() const {
  return state == ChildState::starting || state == ChildState::running ||
         state == ChildState::stopping;
}

bool Supervision::Child::up() const {
  return state == ChildState::running || state == ChildState::ended;
}

Supervision::Child* Supervision::find(std::string_view name) {
  for (Child& child : children_)
    if (child.spec.name == name) return &child;
  return nullptr;
}

Supervision::Child* Supervision::find_living(std::string_view name, std::uint64_t incarnation) {
  Child* const child = find(name);
  if (child != nullptr && child->lives() && child->incarnation == incarnation) return child;
  ++ignored_;
  return nullptr;
}

void Supervision::set_time(TimePoint now) {
  now_ = std::max(now_, now);
}

void Supervision::enter(Child& child, ChildState state, TimePoint due) {
  child.state = state;
  child.since = now_;
  child.due = due;
}

void Supervision::add(ChildSpec spec) {
  check(spec, spec.name);
  if (Child* const holder = find(spec.name)) {
    demand(holder->fate == Fate::forget, "child " + spec.name, "a name of its own",
           "one that is taken");
    holder->spec = std::move(spec);
    holder->fate = Fate::restart;
    holder->was_up = false;
    holder->failures_in_a_row = 0;
    return;
  }
  demand(children_.size() < max_children, "child " + spec.name,
         "at most " + std::to_string(max_children) + " children", "one more");
  Child child;
  child.spec = std::move(spec);
  child.since = now_;
  children_.push_back(std::move(child));
}

void Supervision::remove(Child& child) {
  if (child.lives())
    child.fate = Fate::forget;
  else
    child.forgotten = true;
}

void Supervision::end_all(Exit exit) {
  phase_ = Phase::ending;
  exit_ = std::move(exit);
  for (Child& child : children_) {
    if (child.lives())
      child.fate = Fate::end;
    else if (child.state != ChildState::ended)
      enter(child, ChildState::ended);
  }
}

/// A living child is no more.
void Supervision::gone(Child& child, Exit exit) {
  child.last_exit = std::move(exit);
  switch (std::exchange(child.fate, Fate::stay)) {
    case Fate::stay:
      ended_unasked(child);
      break;
    case Fate::restart:
      enter(child, ChildState::waiting);
      break;
    case Fate::end:
      enter(child, ChildState::ended);
      break;
    case Fate::forget:
      enter(child, ChildState::ended);
      child.forgotten = true;
      break;
  }
}

void Supervision::ended_unasked(Child& child) {
  const Exit& exit = *child.last_exit;
  const bool again = child.spec.restart == Restart::permanent ||
                     (child.spec.restart == Restart::transient && exit.abnormal());
  if (!again) {
    enter(child, ChildState::ended);
    child.forgotten = child.spec.restart == Restart::temporary;
    return;
  }
  if (!window_.allows(now_)) {
    enter(child, ChildState::ended);
    end_all({ExitKind::failed, child.spec.name + " ended (" + to_string(exit) + "); " +
                                   std::to_string(window_.count()) + " restarts within " +
                                   text(spec_.period) + ", " + std::to_string(spec_.intensity) +
                                   " allowed"});
    return;
  }
  const Duration calm = std::max(spec_.backoff.limit, spec_.period);
  if (child.state == ChildState::running && now_ - child.since >= calm) child.failures_in_a_row = 0;
  const double share = jitter_share(jitter_seed_, child.spec.name, child.restarts + 1);
  enter(child, ChildState::backing_off,
        later(now_, backoff_delay(spec_.backoff, child.failures_in_a_row++, share)));
  restart_with(child);
}

/// SUP-8
void Supervision::restart_with(const Child& failed) {
  if (spec_.strategy == Strategy::one_for_one) return;
  bool affected = spec_.strategy == Strategy::one_for_all;
  for (Child& child : children_) {
    if (&child == &failed)
      affected = true;
    else if (affected && child.lives() && child.fate == Fate::stay)
      child.fate = child.spec.restart == Restart::temporary ? Fate::forget : Fate::restart;
    else if (affected && child.state == ChildState::ended)
      enter(child, ChildState::waiting);
  }
}

void Supervision::advance() {
  kill_overdue();
  std::erase_if(children_, [](const Child& child) { return child.forgotten; });
  stop_next();
  if (phase_ == Phase::up) {
    start_ready();
    report_all_up();
  }
  if (phase_ == Phase::ending &&
      std::none_of(children_.begin(), children_.end(), std::mem_fn(&Child::lives))) {
    phase_ = Phase::finished;
    actions_.push_back({Kind::finish, {}, 0, exit_});
  }
}

void Supervision::kill_overdue() {
  for (Child& child : children_) {
    if (!child.lives() || child.due > now_) continue;
    actions_.push_back({Kind::kill, child.spec.name, child.incarnation, {}});
    gone(child, {ExitKind::killed,
                 child.state == ChildState::starting
                     ? "did not start within " + text(child.spec.start_within)
                     : "did not stop within " + text(effective_stop_within(child.spec))});
  }
}

/// SUP-2
void Supervision::stop_next() {
  if (std::any_of(children_.begin(), children_.end(),
                  [](const Child& child) { return child.state == ChildState::stopping; }))
    return;
  const auto last = std::find_if(children_.rbegin(), children_.rend(),
                                 [](const Child& child) { return child.fate != Fate::stay; });
  if (last == children_.rend()) return;
  enter(*last, ChildState::stopping, later(now_, effective_stop_within(last->spec)));
  actions_.push_back({Kind::stop, last->spec.name, last->incarnation, {}});
}

/// SUP-1, SUP-7, SUP-8
void Supervision::start_ready() {
  const bool alone = spec_.strategy == Strategy::one_for_one;
  for (const Child& child : children_) {
    if (!alone && child.fate != Fate::stay) return;
    if (spec_.strategy == Strategy::one_for_all && child.state == ChildState::backing_off &&
        child.due > now_)
      return;
  }
  bool held = false;
  for (Child& child : children_) {
    const bool turn = child.state == ChildState::backing_off
                          ? child.due <= now_ && (alone || !held)
                          : child.state == ChildState::waiting && !held;
    if (turn) start_child(child);
    held = held || !(child.up() || (alone && (child.was_up || child.fate == Fate::forget)));
  }
}

void Supervision::report_all_up() {
  if (all_were_up_ || !std::all_of(children_.begin(), children_.end(), std::mem_fn(&Child::up)))
    return;
  all_were_up_ = true;
  actions_.push_back({Kind::started});
}

void Supervision::start_child(Child& child) {
  if (child.incarnation != 0) ++child.restarts;
  child.incarnation = next_();
  enter(child, ChildState::starting, later(now_, child.spec.start_within));
  actions_.push_back({Kind::start, child.spec.name, child.incarnation, {}});
}

}  // namespace troupe::runtime
