#include "actors/report/failed_start.hpp"

#include <chrono>

#include "actors/job/ends_job.hpp"
#include "actors/report/job_news.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/base/error.hpp"

namespace troupe::actors {
namespace {

constexpr auto try_again_after = std::chrono::seconds{1};

/// Stands where an actor could not be made.
class Unmade final : public runtime::Actor {
 public:
  void handles(runtime::Handlers&) override {}
};

}  // namespace

void fail_start(runtime::Context& context, const std::string& observer,
                const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    if (observer.empty() || !ends_job(error.code())) throw;
    tell_news(context, context.ref(observer),
              Notice{"error", context.path() + ": " + one_line(error.what())});
  }
  context.after(try_again_after, [thrown] { std::rethrow_exception(thrown); });
}

std::unique_ptr<runtime::Actor> make_or_fail(
    runtime::Context& context, const std::string& observer,
    const std::function<std::unique_ptr<runtime::Actor>()>& make) {
  try {
    return make();
  } catch (const Error&) {
    fail_start(context, observer, std::current_exception());
  }
  return std::make_unique<Unmade>();  // counts as started, so that the tree and the observer run
}

}  // namespace troupe::actors
