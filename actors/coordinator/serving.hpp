#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "actors/report/job_event.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/handlers.hpp"
#include "runtime/actor/ref.hpp"

namespace troupe::actors {

struct DeployerReportMessage;

/// A member of an actor that has saved versions served: it numbers them (version_list.hpp), has the deployer take one,
/// again until it runs and has it, and says what is served, and where, again when that has changed. One order is carried out
/// at a time, others wait for it. A refusal that repeats itself ends an order, not the actor. It forgets nothing: what an
/// order has led to is in the serving folder and the deployer's own state.
class Serving {
 public:
  using Tell = std::function<void(JobEvent)>;

  /// @param deployer  its path
  /// @param folder    the serving folder, which must be there
  Serving(runtime::Context& context, const std::string& deployer, std::string folder, Tell tell);
  ~Serving();
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;

  /// Adds wire::Command: "promote" {"saved": PATH, "force": BOOL} and "rollback" {}. A promotion waits for what is being
  /// deployed, up to 2 min; a roll back does not, as it could not say to which version.
  void handles(runtime::Handlers& on);

  /// Has a run folder's version or a checkpoint served. The same order again, after a restart: only if nothing is served
  /// now; else what was served last stays, be it by a roll back since then.
  void serve(std::string saved, std::string order);
  /// Where there is no order: says what is served from before, or that nothing is, and what to do.
  void tell_served();
  /// `told` is called with each version that is found to be served, after whatever order.
  void on_served(std::function<void(const std::string& version)> told) {
    served_ = std::move(told);
  }

 private:
  struct Order;
  using OrderRef = std::shared_ptr<Order>;

  void promote(const std::string& arguments, runtime::Reply reply);
  void roll_back(runtime::Reply reply);
  void take(OrderRef order);
  void begin(OrderRef order);
  void next();
  void resolve(const OrderRef& order);
  void look(const OrderRef& order);
  void deploy(const OrderRef& order);
  void again(const OrderRef& order, const std::string& why);
  void give_up(const OrderRef& order, const std::string& why);
  void finish(const OrderRef& order, const DeployerReportMessage& report);
  void tell_new_address();

  runtime::Context& context_;
  runtime::Ref deployer_;
  const std::string folder_;
  Tell tell_;
  std::function<void(const std::string&)> served_;
  OrderRef current_;
  std::deque<OrderRef> waiting_;
  std::string address_;  // as it was told last; empty: not yet
};

}  // namespace troupe::actors
