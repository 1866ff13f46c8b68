#include "runtime/actor/executor.hpp"

#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <sstream>
#include <unordered_map>

#include "runtime/actor/executor_threads.hpp"
#include "runtime/actor/thread_stack.hpp"
#include "runtime/actor/timer_table.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/float_environment.hpp"

namespace troupe::runtime {
namespace {

constexpr Duration wait_for_stack = std::chrono::milliseconds{100};

std::string seconds(Duration time) {
  std::ostringstream text;
  text << std::chrono::duration<double>{time}.count() << " s";
  return text.str();
}

std::string in_quotes(const std::string& label) {
  return label.empty() ? "a job" : "job '" + label + "'";
}

}  // namespace

// What the owner and the thread share. The node's things (timers, clock) may be gone once `ended` is set.
struct Executor::State : std::enable_shared_from_this<State> {
  struct Waiting {
    std::uint64_t id;
    std::string label;
    std::unique_ptr<Work> work;
  };
  struct Running {
    std::uint64_t id;
    std::string label;
    TimePoint since;
    std::stop_source stop = {};
    std::optional<TimerId> timer = {};
  };

  State(Post its_post, TimerTable& its_timers, const Clock& its_clock, ExecutorThreads& its_threads,
        ExecutorOptions its_options)
      : post{std::move(its_post)},
        timers{its_timers},
        clock{its_clock},
        threads{its_threads},
        options{std::move(its_options)} {}

  const Post post;
  TimerTable& timers;
  const Clock& clock;
  ExecutorThreads& threads;
  const ExecutorOptions options;

  // The owner's alone.
  std::unordered_map<std::uint64_t, std::unique_ptr<Answer>> answers;
  std::uint64_t last_id = 0;
  bool has_thread = false;

  // The jobs' thread's alone.
  bool prepared = false;  // at_start is done

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<Waiting> queue;
  std::optional<Running> running;
  std::string hangs;  // the job that was abandoned, in quotes
  bool ended = false;
  pid_t thread = 0;

  bool takes_jobs() const { return !ended && hangs.empty(); }

  void loop();
  bool run_next();
  std::exception_ptr run_job(Work& work, const std::stop_token& stop);
  bool finish();
  void set_timer(Duration time, void (State::*at_time)(std::uint64_t));
  void at_deadline(std::uint64_t id);
  void at_grace(std::uint64_t id);
  void report(HangReport report, pid_t its_thread);
  void deliver(std::uint64_t id, const std::exception_ptr& thrown);
  void drop();
};

void Executor::State::loop() {
  {
    const std::scoped_lock lock{mutex};
    thread = gettid();
  }
  for (;;) {
    {
      std::unique_lock lock{mutex};
      changed.wait(lock, [this] { return !takes_jobs() || !queue.empty(); });
      if (!takes_jobs()) return;
    }
    run_next();
  }
}

// False: what there was to run was dropped meanwhile.
bool Executor::State::run_next() {
  std::uint64_t id = 0;
  std::exception_ptr thrown;
  {
    std::stop_token stop;
    std::unique_ptr<Work> work;
    {
      const std::scoped_lock lock{mutex};
      if (!takes_jobs() || queue.empty()) return false;
      Waiting next = std::move(queue.front());
      queue.pop_front();
      id = next.id;
      work = std::move(next.work);
      running.emplace(Running{id, std::move(next.label), clock.now()});
      stop = running->stop.get_token();
      set_timer(options.deadline, &State::at_deadline);
    }
    thrown = run_job(*work, stop);
  }
  if (!finish()) return true;
  post([self = shared_from_this(), id, thrown] { self->deliver(id, thrown); });
  return true;
}

std::exception_ptr Executor::State::run_job(Work& work, const std::stop_token& stop) {
  try {
    if (!prepared && options.at_start) options.at_start();
    prepared = true;
    const FloatEnvironment environment;
    work.run(stop);
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

// False: nobody waits for the job that has come back.
bool Executor::State::finish() {
  const std::scoped_lock lock{mutex};
  if (!takes_jobs()) return false;
  if (running->timer) timers.cancel(*running->timer);
  running.reset();
  return true;
}

// With the lock held.
void Executor::State::set_timer(Duration time, void (State::*at_time)(std::uint64_t)) {
  const TimePoint due = later(clock.now(), time);
  if (due == TimePoint::max()) return;
  running->timer = timers.add(due, [self = weak_from_this(), id = running->id, at_time] {
    if (const auto state = self.lock()) (state.get()->*at_time)(id);
  });
}

void Executor::State::at_deadline(std::uint64_t id) {
  std::stop_source stop;
  {
    const std::scoped_lock lock{mutex};
    if (!takes_jobs() || !running || running->id != id) return;
    stop = running->stop;
    set_timer(options.grace, &State::at_grace);
  }
  stop.request_stop();  // runs the job's stop callbacks, so without the lock
}

void Executor::State::at_grace(std::uint64_t id) {
  HangReport report;
  pid_t its_thread = 0;
  {
    const std::scoped_lock lock{mutex};
    if (!takes_jobs() || !running || running->id != id) return;
    hangs = in_quotes(running->label);
    report = {options.name, running->label, clock.now() - running->since, {}};
    its_thread = thread;
  }
  post([self = shared_from_this(), report, its_thread] { self->report(report, its_thread); });
}

void Executor::State::report(HangReport report, pid_t its_thread) {
  {
    const std::scoped_lock lock{mutex};
    if (ended) return;
  }
  drop();
  report.stack = stack_of_thread(its_thread, wait_for_stack);
  if (options.on_hang) return options.on_hang(report);
  std::string text = "executor '" + options.name + "': " + in_quotes(report.job) + " has run for " +
                     seconds(report.ran_for) + ", past its deadline of " +
                     seconds(options.deadline) + ", did not stop within " + seconds(options.grace) +
                     " and was abandoned";
  if (!report.stack.empty()) {
    std::ranges::replace(report.stack, '\n', ' ');
    text += "; it is in " + report.stack;
  }
  throw Error{ErrorCode::exhausted, text};
}

void Executor::State::deliver(std::uint64_t id, const std::exception_ptr& thrown) {
  const auto found = answers.find(id);
  if (found == answers.end()) return;  // dropped
  // Out of the table first: the answer may end the executor.
  const std::unique_ptr<Answer> answer = std::move(found->second);
  answers.erase(found);
  answer->deliver(thrown);
}

void Executor::State::drop() {
  std::deque<Waiting> dropped;
  {
    const std::scoped_lock lock{mutex};
    dropped.swap(queue);
  }
  const auto unanswered = std::exchange(answers, {});
}

Executor::Executor(Post post, TimerTable& timers, const Clock& clock, ExecutorThreads& threads,
                   ExecutorOptions options) {
  const auto refuse = [&](const std::string& what) {
    throw Error{ErrorCode::bad_input, "executor '" + options.name + "': " + what};
  };
  if (options.max_queued == 0) refuse("max_queued must be at least 1, is 0");
  if (options.deadline <= Duration::zero()) {
    refuse("deadline must be positive, is " + seconds(options.deadline));
  }
  if (options.grace < Duration::zero()) {
    refuse("grace must not be negative, is " + seconds(options.grace));
  }
  state_ = std::make_shared<State>(std::move(post), timers, clock, threads, std::move(options));
}

Executor::~Executor() {
  shutdown();
}

std::size_t Executor::queued() const {
  const std::scoped_lock lock{state_->mutex};
  return state_->queue.size();
}

void Executor::submit(std::string label, std::unique_ptr<Work> work,
                      std::unique_ptr<Answer> answer) {
  State& state = *state_;
  const bool manual = state.threads.mode() == ExecutorThreads::Mode::manual;
  const auto refuse = [&](ErrorCode code, const std::string& why) {
    throw Error{
        code, "executor '" + state.options.name + "': " + in_quotes(label) + " is refused: " + why};
  };
  {
    const std::scoped_lock lock{state.mutex};
    if (state.ended) refuse(ErrorCode::bug, "it has ended");
    if (!state.hangs.empty()) refuse(ErrorCode::exhausted, state.hangs + " hangs in it");
    if (state.queue.size() >= state.options.max_queued) {
      refuse(ErrorCode::exhausted,
             std::to_string(state.queue.size()) + " jobs are waiting, as many as it may hold");
    }
    if (!manual && !state.has_thread) {
      state.threads.start(state.options.name, [shared = state_] { shared->loop(); });
      state.has_thread = true;
    }
    state.answers.emplace(++state.last_id, std::move(answer));
    state.queue.push_back({state.last_id, std::move(label), std::move(work)});
  }
  if (manual) {
    state.threads.add_turn([shared = state_] { return shared->run_next(); });
  } else {
    state.changed.notify_one();
  }
}

void Executor::shutdown() {
  std::optional<std::stop_source> stop;
  {
    const std::scoped_lock lock{state_->mutex};
    if (state_->ended) return;
    state_->ended = true;
    if (state_->running) {
      stop = state_->running->stop;
      if (state_->running->timer) state_->timers.cancel(*state_->running->timer);
    }
  }
  state_->changed.notify_one();
  if (stop) stop->request_stop();
  state_->drop();
}

}  // namespace troupe::runtime
