#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "runtime/base/clock.hpp"

namespace troupe::runtime {

class ExecutorThreads;
class TimerTable;

/// What is known of a job that was asked to stop and did not.
struct HangReport {
  std::string executor;
  std::string job;  ///< its label; may be empty
  Duration ran_for{};
  std::string stack;  ///< of the job's thread, a function a line; empty if it cannot be had
};

struct ExecutorOptions {
  std::string name;                     ///< in reports, and of the thread
  std::size_t max_queued = 1024;        ///< jobs that wait; the one that runs is not counted
  Duration deadline = Duration::max();  ///< of one job; then it is asked to stop
  Duration grace =
      std::chrono::seconds{1};  ///< for a job to return when asked to, then it is abandoned
  std::function<void()> at_start =
      {};  ///< on the jobs' thread before the first; if it throws, that job fails so
  /// In the owner's context when a job was abandoned. None: throws an Error, which ends the owner.
  std::function<void(const HangReport&)> on_hang = {};
};

/// What an actor owns for slow work: its jobs run one after the other, in order, on one thread of the
/// executor's own (which is started for the first of them), each in the float environment of JOB-6;
/// what they return comes back to the owner in the same order.
///
/// All members are called in the owner's context, where the answers (`then` and `otherwise`) are run too, and destroyed. A job's
/// own captures are destroyed on the thread before its answer is run, or in the owner's context
/// if it never ran.
///
/// A job that is not back `grace` after its deadline is abandoned: its result, if there ever is one, is
/// dropped, as are the jobs behind it, and run() throws from then on. A new executor goes on.
class Executor {
 public:
  /// Hands a closure to the owner, to be run as one of its messages; false: the owner is gone. Called from
  /// any thread, also after the executor's end; never throws.
  using Post = std::function<bool(std::function<void()>)>;

  /// @throws Error bad_input if an option is out of range.
  Executor(Post post, TimerTable& timers, const Clock& clock, ExecutorThreads& threads,
           ExecutorOptions options);

  /// shutdown().
  ~Executor();

  Executor(Executor&&) = delete;

  /// Runs `job` on the thread, then `then` with its result (nothing, if it returns void).
  ///
  ///     job        R() or R(std::stop_token)
  ///     then       void(R)
  ///     otherwise  void(std::exception_ptr), with what the job has thrown; none: it is thrown in the
  ///                owner's context, so that it ends the owner
  ///
  /// @throws Error exhausted if max_queued jobs wait, if a job was abandoned, or if no thread is to be had; bug after
  /// shutdown(). Nothing is queued then.
  template <class Job, class Then>
  void run(Job job, Then then) {
    run_as({}, std::move(job), std::move(then), Rethrow{});
  }
  template <class Job, class Then, class Otherwise>
  void run(Job job, Then then, Otherwise otherwise) {
    run_as({}, std::move(job), std::move(then), std::move(otherwise));
  }

  /// run() under a name that reports give.
  template <class Job, class Then>
  void run_as(std::string label, Job job, Then then) {
    run_as(std::move(label), std::move(job), std::move(then), Rethrow{});
  }
  template <class Job, class Then, class Otherwise>
  void run_as(std::string label, Job job, Then then, Otherwise otherwise) {
    using Result = decltype(call(job, std::stop_token{}));
    auto result = std::make_shared<Value<Result>>();
    submit(std::move(label), std::make_unique<WorkOf<Job, Result>>(std::move(job), result),
           std::make_unique<AnswerOf<Result, Then, Otherwise>>(result, std::move(then),
                                                               std::move(otherwise)));
  }

  /// Jobs that wait, the one that runs not counted.
  std::size_t queued() const;

  /// Drops the jobs that wait, asks the one that runs to stop, and returns at once: the thread ends
  /// when that job returns. No answer is run from then on. Again: nothing.
  void shutdown();

 private:
  struct State;

  struct Work {
    virtual ~Work() = default;
    virtual void run(const std::stop_token& stop) = 0;
  };
  struct Answer {
    virtual ~Answer() = default;
    virtual void deliver(const std::exception_ptr& thrown) = 0;
  };
  struct Rethrow {
    void operator()(const std::exception_ptr& thrown) const { std::rethrow_exception(thrown); }
  };

  template <class Result>
  using Value = std::optional<std::conditional_t<std::is_void_v<Result>, std::monostate, Result>>;

  template <class Job>
  static decltype(auto) call(Job& job, const std::stop_token& stop) {
    if constexpr (std::invocable<Job&, std::stop_token>) {
      return job(stop);
    } else {
      return job();
    }
  }

  template <class Job, class Result>
  struct WorkOf final : Work {
    WorkOf(Job&& the_job, std::shared_ptr<Value<Result>> its_result)
        : job{std::move(the_job)}, result{std::move(its_result)} {}

    void run(const std::stop_token& stop) override {
      if constexpr (std::is_void_v<Result>) {
        call(job, stop);
      } else {
        result->emplace(call(job, stop));
      }
    }

    Job job;
    std::shared_ptr<Value<Result>> result;
  };

  template <class Result, class Then, class Otherwise>
  struct AnswerOf final : Answer {
    AnswerOf(std::shared_ptr<Value<Result>> of, Then&& the_then, Otherwise&& the_otherwise)
        : result{std::move(of)}, then{std::move(the_then)}, otherwise{std::move(the_otherwise)} {}

    void deliver(const std::exception_ptr& thrown) override {
      if (thrown) {
        otherwise(thrown);
      } else if constexpr (std::is_void_v<Result>) {
        then();
      } else {
        then(std::move(**result));
      }
    }

    std::shared_ptr<Value<Result>> result;
    Then then;
    Otherwise otherwise;
  };

  void submit(std::string label, std::unique_ptr<Work> work, std::unique_ptr<Answer> answer);

  std::shared_ptr<State> state_;  // the thread's too, which may outlive this
};

}  // namespace troupe::runtime
